"""An app's own end of a webhook route: `python examples/webhook_receiver.py`.

Receives escalations on loopback, checks who sent them, answers, and acknowledges the case.
"""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

from qiaoban_agent import Companion
from qiaoban_agent.escalation.receiver import verify
from qiaoban_guards.policy import parse_policy

POLICY = """
extends: default
id: my-app
escalation:
  routes:
    - {id: safety, kind: webhook, reaches: [platform], url: 'env:SAFETY_URL',
       secret_env: SAFETY_SECRET}
  ladder: [[safety, log]]
"""


class Receiver(ThreadingHTTPServer):
    """Takes every escalation once, however often it comes."""

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.secret = secret
        self.seen: set[str] = set()  # an app keeps these where it keeps the cases
        self.cases: SimpleQueue[dict[str, Any]] = SimpleQueue()


class Handler(BaseHTTPRequestHandler):
    """Answers 2xx to what is signed and new, or signed and known already."""

    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not verify(self.server.secret, dict(self.headers), body, time.time()):
            self.answer(401)
            return
        key = self.headers["Idempotency-Key"]
        if key not in self.server.seen:
            self.server.seen.add(key)
            self.server.cases.put(json.loads(body))
        self.answer(204)  # a receipt: answer first, then look for a grown-up

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def main() -> None:
    os.environ["SAFETY_SECRET"] = secret = "a long random text that both sides know"  # noqa: S105
    receiver = Receiver(secret)
    os.environ["SAFETY_URL"] = f"http://127.0.0.1:{receiver.server_port}/escalations"
    threading.Thread(target=receiver.serve_forever, daemon=True).start()

    with Companion(parse_policy(POLICY)) as companion:
        reply = companion.reply("我爸喝醉了就用皮带抽我", session="demo")
        print("巧板：", reply.text)
        told = receiver.cases.get(timeout=30)
        print("[to the safety staff]", told["level"], told["categories"])
        print("  not to be told:", told["implicated"])
        case = companion.acknowledge(told["case"], by="duty officer")
        print("  acknowledged by", case.acknowledged_by)
    receiver.shutdown()
    receiver.server_close()


if __name__ == "__main__":
    main()
