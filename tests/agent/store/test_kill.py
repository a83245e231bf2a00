"""Whatever moment a process is killed at: what was acknowledged is there, and nothing is half."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qiaoban_agent.events import Finished
from qiaoban_agent.store import SqlStore, Write
from qiaoban_agent.store.chain import verify

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("committing.py")


def kill_at(moment: random.Random, nursery: subprocess.Popen[str]) -> dict[str, int]:
    """Let a child talk, kill it, and return what it had acknowledged: turns by session."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write("go\n")
    nursery.stdin.flush()
    acknowledged: dict[str, int] = {}
    child, left = 0, moment.randint(0, 6)
    for line in nursery.stdout:
        word, _, number = line.strip().rpartition("\t" if "\t" in line else " ")
        if word == "child":
            child = int(number)
        elif number == "dead":
            return acknowledged
        else:
            acknowledged[word] = int(number)
        if child and max(acknowledged.values(), default=0) >= left:
            time.sleep(moment.uniform(0.0, 0.006))  # somewhere inside the next commit
            os.kill(child, signal.SIGKILL)
            child = 0
    raise AssertionError("the program that forks ended by itself")


def check(store: SqlStore, acknowledged: dict[str, int]) -> None:
    store.commit(Write("nobody", 0.0))  # a server may still be at the commit of who was killed
    for name, turns in acknowledged.items():
        state = store.load(name)
        assert state is not None
        assert state.turns >= turns
        finished = [event for event in store.trail(name) if isinstance(event, Finished)]
        assert len(finished) == state.turns
        assert len(store.trail(name)) == 2 * state.turns
        assert store.load(f"memory of {name}") == state
        for turn in range(1, state.turns + 1):
            assert store.case(f"{name} {turn}") is not None
            assert len(store.deliveries(f"{name} {turn}")) == 1
        assert store.case(f"{name} {state.turns + 1}") is None


@pytest.mark.parametrize(
    ("kind", "databases", "kills"), [("sqlite", 10, 20), ("postgresql", 1, 20)]
)
def test_a_killed_process_loses_nothing_that_it_acknowledged(
    new_url: Callable[[str], str], kind: str, databases: int, kills: int
) -> None:
    moment, interrupted = random.Random(7), 0
    for _ in range(databases):
        url = new_url(kind)
        store = SqlStore(url)
        acknowledged: dict[str, int] = {}
        with subprocess.Popen(
            [sys.executable, str(PROGRAM), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as nursery:
            for _ in range(kills):
                now = kill_at(moment, nursery)
                check(store, now)
                acknowledged |= now
                assert verify(store).ok
        interrupted += len(acknowledged)
        check(store, acknowledged)
        assert verify(store).records >= 2 * sum(acknowledged.values())
        store.close()
    assert interrupted > databases * kills / 2, "most children were killed while they were talking"
