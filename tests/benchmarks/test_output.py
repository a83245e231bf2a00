"""How long one sentence is judged, and how much later a child reads than with a raw stream.

`make bench` prints p50 and p99; the plain baseline is one regular expression of the same patterns.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent import Companion, Policy
from qiaoban_agent.events import Said
from qiaoban_agent.models.base import Message
from qiaoban_guards.output import OutputRules, Spoken
from qiaoban_guards.policy.output import PatternRule
from qiaoban_guards.policy.types import Language
from qiaoban_guards.text import split_sentences
from tests.policies import unannounced

CHILD: dict[Language, str] = {"zh": "我今天有点无聊", "en": "hi there, i am bored today"}
OPENING: dict[Language, str] = {"zh": "我听到了。那一定", "en": "I hear you. That"}
STREAMS = Path(__file__).parents[1] / "data" / "output" / "streams.jsonl"
LANGUAGES: list[Language] = ["zh", "en"]
CHARACTERS_A_SECOND = 30


def percentiles(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:.3f} ms, p99 {cuts[98] * 1000:.3f} ms"


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def places(language: Language) -> list[tuple[str, str]]:
    """What was said, and the sentence behind it; no sentence twice."""
    found: dict[str, str] = {}
    for line in STREAMS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["language"] == language and row["shape"] != "unpunctuated":
            for sentence in split_sentences(row["reply"]):
                found.setdefault(sentence.text, row["reply"][: sentence.start])
    return [(said, sentence) for sentence, said in found.items()]


def measured(
    benchmark: Any, name: str, work: Callable[[str, str], Any], language: Language
) -> None:
    """Sentences that were not seen before, once everything that is lazy was used."""
    pairs = places(language)
    warm, fresh = pairs[::2], pairs[1::2]
    for pair in warm if benchmark.enabled else warm[:3]:
        work(*pair)
    took = [timed(partial(work, *pair)) for pair in (fresh if benchmark.enabled else fresh[:20])]
    length = statistics.mean(len(sentence) for _, sentence in fresh)
    sys.stdout.write(f"\n{name}, {language}, {length:.0f} characters: {percentiles(took)}\n")
    again = itertools.cycle(fresh)
    benchmark(lambda: work(*next(again)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.benchmark(group="output")
def test_one_sentence_judged(benchmark: Any, language: Language) -> None:
    rules = OutputRules.of(unannounced())

    def work(said: str, sentence: str) -> None:
        rules.judge(sentence, Spoken(child=CHILD[language], said=said, language=language))

    measured(benchmark, "one sentence judged", work, language)


def one_expression(policy: Policy) -> re.Pattern[str]:
    """All patterns of a policy in one, without what a rule adds to them."""
    rules = [rule for rule in policy.output.rules if isinstance(rule, PatternRule)]
    groups = [*(rule.any for rule in rules), *(p.any for p in policy.personas.forbidden)]
    return re.compile("|".join(f"(?:{one})" for group in groups for one in group), re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.benchmark(group="output")
def test_the_plain_baseline_one_expression(benchmark: Any, language: Language) -> None:
    expression = one_expression(unannounced())

    def work(said: str, sentence: str) -> None:
        expression.search(said + sentence)

    measured(benchmark, "one expression of the same patterns", work, language)


@dataclass
class Typing:
    """A model that types, and notes when it gave each character away."""

    text: str
    given: list[float] = field(default_factory=list[float])

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """One character at a time, at an even pace."""
        self.given.clear()
        for character in self.text:
            time.sleep(1 / CHARACTERS_A_SECOND)
            self.given.append(time.perf_counter())
            yield character


def first_sentence(companion: Companion, model: Typing, language: Language) -> tuple[float, ...]:
    """Seconds by which the first sentence comes later: than its last needed character, than its
    own last character, and than the first character of a raw stream."""
    said = 0.0
    for event in companion.stream(CHILD[language], session="bench"):
        if isinstance(event, Said) and not said:
            said = time.perf_counter()
            assert event.by == "model"
    companion.forget("bench")
    length = OPENING[language].index("。" if language == "zh" else ".") + 1
    # The end is only known once a character has come that no longer belongs to it.
    return said - model.given[length], said - model.given[length - 1], said - model.given[0]


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.benchmark(group="first sentence")
def test_how_much_later_the_first_sentence_is_read(benchmark: Any, language: Language) -> None:
    model = Typing(OPENING[language])
    companion = Companion(unannounced(), model)
    work = partial(first_sentence, companion, model, language)
    benchmark.pedantic(work, rounds=1)
    seconds = [work() for _ in range(100 if benchmark.enabled else 2)]
    names = ("its last needed character", "its own last character", "the first raw character")
    for name, took in zip(names, zip(*seconds, strict=True), strict=True):
        sys.stdout.write(f"\nfirst sentence later than {name}, {language}: {percentiles(took)}\n")
    assert all(later >= 0 for later, _, _ in seconds), "said before it could be judged"
