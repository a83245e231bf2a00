"""Turns, one after another, in child processes that are there to be killed.

Run as `committing.py URL`. For every line of its input it forks a child, prints its number
(`child PID`), and waits for its end (`dead`). A child prints what was acknowledged, one line each:
the session and how many turns it has.
"""

from __future__ import annotations

import os
import sys
from itertools import count

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.events import Finished, Heard
from qiaoban_agent.session import Session
from qiaoban_agent.store import SqlStore, Write
from qiaoban_guards.risk import Category, RiskLevel


def talk(url: str) -> None:
    """Commit turns until killed; each has events, a state, a case and its delivery."""
    store, name = SqlStore(url), f"session {os.getpid()}"
    for turn in count(1):
        case = Case(
            id=f"{name} {turn}",
            session=name,
            opened_at=float(turn),
            level=RiskLevel.HIGH,
            categories=(Category.ABUSE,),
            turn=turn,
            policy="default",
        )
        events = (Heard(text="你好"), Finished(text="嗯。"))
        store.commit(
            Write(
                name,
                float(turn),
                events,
                Session(turns=turn),
                memory=(f"memory of {name}", Session(turns=turn)),
                case=case,
                deliveries=(Delivery.of(case, "r", 0.0),),
            )
        )
        tell(f"{name}\t{turn}")


def tell(line: str) -> None:
    """One line, at once: what is told was acknowledged."""
    os.write(1, f"{line}\n".encode())


def main(url: str) -> None:
    """Fork a child for every line of the input."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            talk(url)
        tell(f"child {child}")
        os.waitpid(child, 0)
        tell("dead")


if __name__ == "__main__":
    main(sys.argv[1])
