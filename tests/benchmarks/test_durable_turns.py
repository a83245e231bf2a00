"""Whole turns a second that are durable in SQLite, two processes on one file, beside memory."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("sqlalchemy")

from qiaoban_agent.store import SqlStore
from qiaoban_agent.store.chain import verify

MESSAGES = ("我今天考砸了", "同桌不理我了", "小金鱼死了", "我画了一只恐龙", "妈妈带我去公园")
SECONDS = 3.0


def _turns(store: str | None, name: str) -> tuple[int, float]:
    """Turns made in SECONDS, after some that warm up, and the seconds they took."""
    from qiaoban_agent import Companion

    companion = Companion(store=store)
    for number in range(20):
        companion.reply(MESSAGES[number % 5], session=f"{name}-warm-{number}")
    begun, made = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        companion.reply(MESSAGES[made % 5], session=f"{name}-{made % 50}")
        made += 1
    took = time.perf_counter() - begun
    companion.close()
    return made, took


def _a_second(store: str | None) -> float:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = list(pool.map(_turns, (store, store), ("a", "b")))
    return sum(made / took for made, took in found)


@pytest.mark.slow
def test_durable_turns(
    benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = _a_second(None)
    durable = benchmark.pedantic(  # type: ignore[no-untyped-call]
        _a_second, (f"sqlite:///{tmp_path / 'turns.db'}",), rounds=1, iterations=1
    )
    with capsys.disabled():
        sys.stdout.write(
            f"\ndurable turns a second, two processes on one SQLite file: {durable:.0f}; "
            f"in memory {memory:.0f} (ratio {durable / memory:.2f})\n"
        )
    store = SqlStore(str(tmp_path / "turns.db"))
    finished = sum(record.kind == "finished" for record in store.audit())
    assert finished > durable * SECONDS, "every turn that was counted is in the store"
    assert verify(store).ok
    store.close()
