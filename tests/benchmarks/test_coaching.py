"""How long the coaching step takes: emotion, cues, tracker, composing.

`make bench` prints p50 and p99, and beside them the normalisation of the same messages as a plain
baseline, as a ratio.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from qiaoban_agent.coaching.compose import Place, Wording, plan
from qiaoban_agent.coaching.content import Content
from qiaoban_agent.coaching.memory import Memory, remembered
from qiaoban_agent.coaching.own_words import own_words
from qiaoban_agent.coaching.reading import Reader
from qiaoban_agent.coaching.tracker import Coaching, advance, is_new_event
from qiaoban_guards.text import Text, normalise

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
REMEMBER = ("nickname", "age", "likes", "people", "things", "tried", "cause")


class Step:
    """One child's coaching, message after message."""

    def __init__(self) -> None:
        self.coaching, self.memory, self.turn = Coaching(), Memory(), 0
        self.used: dict[int, int] = {}
        self.content = Content.shipped("zh")

    def __call__(self, text: Text) -> None:
        reading = Reader.shipped("zh").read(text.plain)
        own = own_words(text, reading, "zh")
        new = is_new_event(self.coaching, reading)
        self.memory = remembered(self.memory, text.plain, own, "zh", REMEMBER, new_event=new)
        self.coaching = advance(self.coaching, reading, crisis=False, careful=False).coaching
        self.turn += 1
        wording = Wording(self.used, "bench", self.turn)
        for act in plan(self.coaching, reading, careful=False):
            if act is None:
                continue
            place = Place(
                act=act,
                emotion=self.coaching.emotion,
                sure=self.coaching.sure,
                topic=self.coaching.topic,
                age="9-12",
                own=own,
                fresh=own.keys(),
                language="zh",
            )
            chosen = next(wording.fitting(self.content, place), None)
            if chosen is not None:
                wording.say(chosen.line.id)
        self.used |= wording.said_now


def timed(work: Callable[[], Any], times: int) -> list[float]:
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return took


@pytest.mark.benchmark(group="coaching")
def test_the_coaching_step(benchmark: Any) -> None:
    texts = itertools.cycle([normalise(message) for message in MESSAGES])
    messages = itertools.cycle(MESSAGES)
    step = Step()
    benchmark(lambda: step(next(texts)))
    times = 2000 if benchmark.enabled else 40
    took = timed(lambda: step(next(texts)), times)
    plain = timed(lambda: normalise(next(messages)), times)
    cuts = statistics.quantiles(took, n=100)
    ratio = statistics.median(took) / statistics.median(plain)
    sys.stdout.write(
        f"\nthe coaching step: p50 {cuts[49] * 1000:.3f} ms, p99 {cuts[98] * 1000:.3f} ms, "
        f"{ratio:.1f} times the normalisation of the same messages\n"
    )
    assert step.turn >= times
