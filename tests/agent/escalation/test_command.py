"""A program is told on its standard input, without a shell, and not for longer than it may."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.store.memory import MemoryStore
from tests.agent.escalation.cases import START, delivered, only, policy_with, put_case


def tried(*command: str, seconds: float = 20) -> tuple[str, str]:
    """Status and reason after one attempt."""
    store = MemoryStore()
    route = {"id": "page", "kind": "command", "reaches": ["platform"], "command": command}
    policy = policy_with({**route, "seconds": seconds})
    case = put_case(store, policy)
    Outbox(store, lambda: policy).run_once(START)
    return only(store, case).status, delivered(store)[0].error


def test_the_case_is_read_from_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    copy = f"import sys,pathlib; pathlib.Path({str(out)!r}).write_bytes(sys.stdin.buffer.read())"
    assert tried(sys.executable, "-c", copy) == ("delivered", "")
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["summary"].startswith("受虐待")
    assert told["session"] == "a"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("false",), "exit status 1"),
        (("/no/such/program", "token"), "the program does not start: FileNotFoundError"),
        (("/etc/passwd",), "the program does not start: PermissionError"),
        (("true", "; touch /tmp/x"), ""),
        (("sh", "-c", "kill -9 $$"), "exit status -9"),
    ],
)
def test_the_exit_status_is_the_receipt(command: tuple[str, ...], reason: str) -> None:
    status, error = tried(*command)
    assert error == reason
    assert status == ("pending" if reason else "delivered")


def test_a_program_that_reads_nothing_is_told_all_the_same() -> None:
    assert tried("sh", "-c", "exec <&-; exit 0") == ("delivered", "")


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid_file}; wait"
    status, error = tried("sh", "-c", script, seconds=0.5)
    assert (status, error) == ("pending", "no exit within 0.5 s")
    child = int(pid_file.read_text())
    for _ in range(200):
        if not _lives(child):
            return
        time.sleep(0.01)
    raise AssertionError("the program's child still runs")


def _lives(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
