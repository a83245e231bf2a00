"""How long a whole curated turn takes, and that it does not grow with the conversation.

`make bench` prints p50 and p99, with the normalisation of the same message as a plain baseline.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from qiaoban_agent import Companion
from qiaoban_guards.text import normalise
from tests.policies import unannounced

MESSAGES = [
    "我今天考砸了，不敢回家",
    "因为我妈说考不到九十分就不让我去春游",
    "可是我已经很努力了，我觉得好委屈",
    "那我该怎么办呢",
    "同桌还笑话我，说我是全班最笨的",
    "嗯",
    "我家的小狗今天生病了，我很担心它",
    "老师表扬我的作文了，我好开心",
]


def percentiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:.3f} ms, p99 {cuts[98] * 1000:.3f} ms"


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@pytest.mark.benchmark(group="turn")
def test_a_whole_curated_turn(benchmark: Any) -> None:
    companion = Companion(unannounced())
    messages = itertools.cycle(MESSAGES)

    def turn() -> None:
        companion.reply(next(messages), session="bench")

    benchmark(turn)
    took = [timed(turn) for _ in range(2000 if benchmark.enabled else 20)]
    sys.stdout.write(f"\na whole curated turn: {percentiles(took)}\n")


@pytest.mark.benchmark(group="turn")
def test_the_plain_baseline_normalising_the_message(benchmark: Any) -> None:
    messages = itertools.cycle(MESSAGES)

    def work() -> None:
        normalise(next(messages))

    benchmark(work)


def test_turn_500_costs_no_more_than_turn_5() -> None:
    """The growth: the same eight messages early and late, the best of several sessions each."""
    early: dict[str, float] = {}
    late: dict[str, float] = {}
    companion = Companion(unannounced())
    for number in range(4):
        messages = itertools.cycle(MESSAGES)
        for turn in range(1, 513):
            message = next(messages)
            took = timed(partial(companion.reply, message, session=f"session {number}"))
            if turn <= 8:
                early[message] = min(took, early.get(message, took))
            elif turn > 504:
                late[message] = min(took, late.get(message, took))
    ratio = sum(late.values()) / sum(early.values())
    sys.stdout.write(f"\nturn 500 costs {ratio:.2f} × turn 5\n")
    assert ratio <= 1.3
