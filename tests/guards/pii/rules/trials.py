"""What some rules make of a sentence, and how long a long one takes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import import_module

from personal_data_rows import unmarked

from qiaoban_guards.pii.finder import Finder
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading, Rule
from qiaoban_guards.text import normalise

Found = list[tuple[str, str]]


class Trial:
    """The rules of some modules, alone."""

    def __init__(self, *modules: str) -> None:
        self.rules: tuple[Rule, ...] = tuple(
            rule
            for name in modules
            for rule in import_module(f"qiaoban_guards.pii.rules.{name}").rules()
        )
        self.finder = Finder(frozenset(Kind), self.rules)

    def found(self, text: str) -> Found:
        """Kind and value of everything that these rules find."""
        return [(e.kind.value, text[e.start : e.end]) for e in self.finder.find(text)]

    def found_and_marked(self, sentence: str) -> tuple[Found, Found]:
        """What is found in a marked sentence, and what is marked in it."""
        text, entities = unmarked(sentence)
        return self.found(text), [(kind.value, text[start:end]) for kind, start, end in entities]

    def search(self, text: str, kind: Kind) -> None:
        """Let the rules of one kind read all of `text`."""
        search((rule for rule in self.rules if rule.kind is kind), text)


def search(rules: Iterable[Rule], text: str) -> None:
    """Let each of some rules read all of `text`."""
    reading = Reading(normalise(text))
    for rule in rules:
        list(rule.find(reading))


def assert_linear(work: Callable[[str], object], unit: str) -> None:
    """Four times the text takes at most eight times the processor seconds."""

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        begun = time.process_time()
        work(text)
        return time.process_time() - begun

    seconds(1_000)  # patterns and data are read once
    short, long = (min(seconds(length) for _ in range(3)) for length in (4_000, 16_000))
    assert long < 8 * max(short, 0.01)


PLACES_AND_PEOPLE = Trial("addresses", "schools", "names", "dates", "family")
"""The Chinese rules that go by how something is talked about."""
