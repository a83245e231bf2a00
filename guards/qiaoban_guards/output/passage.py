"""A sentence where it stands, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from qiaoban_guards.harms import Harm
from qiaoban_guards.output.classifier import REACH, ReplyClassifier
from qiaoban_guards.policy.output import Action
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.taxonomy import Risk
from qiaoban_guards.text import Text, normalise
from qiaoban_guards.text.evasions import unmask

_DOTS = re.compile(r"…+|\.{2,}|。{2,}")
"""What a phrase may be torn by that is meant as one."""
_REACH = 200
"""Characters of what was said that are read again with each sentence; keeps the cost constant."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Where a sentence stands: what the child said, and what was said to it in this turn.

    `ahead` is text behind the sentence that has come already and is not judged yet; `risk` is that
    of the child's message, read anew where it is not given; `acts` are what coaching reads in the
    sentence; `final` is true of the last one of a reply.
    """

    child: str
    said: str
    language: Language
    ahead: str = ""
    risk: Risk | None = None
    acts: frozenset[str] = frozenset()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule that a sentence breaks; `start` and `end` bound in it what was read."""

    action: Action
    rule: str
    reason: str
    harm: Harm | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a sentence.

    `redact` says it without the characters from `start` to `end`; `drop` leaves it out; `retry`
    asks the model again; `stop` ends the reply before it; `replace` ends the model's words, and
    curated ones take their place; `escalate` does so and tells an adult. `broken` are all rules
    that the sentence breaks, the one that decided first; `scores` what the classifier read, by
    harm.
    """

    action: Action | Literal["allow"]
    rule: str = ""
    reason: str = ""
    harm: Harm | None = None
    start: int = 0
    end: int = 0
    broken: tuple[Broken, ...] = ()
    scores: Mapping[Harm, float] = field(default_factory=dict[Harm, float])

    @property
    def allowed(self) -> bool:
        """Whether the sentence may be shown as it is."""
        return self.action == "allow"


class Passage:
    """A sentence with all that rules read of it, each computed once and only when asked for."""

    def __init__(
        self, sentence: str, spoken: Spoken, classifier: ReplyClassifier | None = None
    ) -> None:
        self.sentence, self.spoken = sentence, spoken
        self.classifier = classifier or ReplyClassifier.shipped()
        self._said = spoken.said[-_REACH:]

    @cached_property
    def text(self) -> Text:
        """What was said last, the sentence, and what came behind it, in the plain form."""
        return normalise(self._said + self.sentence + self.spoken.ahead)

    @cached_property
    def views(self) -> tuple[Text, ...]:
        """`text`, and where they differ: read back from disguise, and put together across dots."""
        views = [self.text]
        if (seen := unmask(self.text)).plain != self.text.plain:
            views.append(seen)
        if _DOTS.search(self.text.plain):
            views.append(_without(self.text, _DOTS))
        return tuple(views)

    @cached_property
    def alone(self) -> Text:
        """The sentence in the plain form."""
        if not (self._said or self.spoken.ahead):
            return self.text
        return normalise(self.sentence)

    @property
    def end(self) -> str:
        """The end of the reply up to and with the sentence."""
        return (self.spoken.said + self.sentence)[-REACH:]

    @cached_property
    def so_far(self) -> Text:
        """`end` in the plain form."""
        return self.alone if self.end == self.sentence else normalise(self.end)

    @cached_property
    def child(self) -> Text:
        """The child's message in the plain form."""
        return normalise(self.spoken.child)

    @cached_property
    def risk(self) -> Risk:
        """The risk of the child's message."""
        return self.spoken.risk if self.spoken.risk is not None else _risk(self.spoken.child)

    @cached_property
    def scores(self) -> Mapping[Harm, float]:
        """How probable each harm is, as the embedded classifier reads the reply so far."""
        return {**self.as_whole, Harm.RISK_IGNORED: 0.0}

    @cached_property
    def as_whole(self) -> Mapping[Harm, float]:
        """The same if nothing more comes: then also that a danger is passed over."""
        return self.classifier.read(self.child, self.risk, self.so_far, whole=True)

    def inside(self, view: Text, start: int, end: int) -> tuple[int, int] | None:
        """What of `view.plain[start:end]` lies in the sentence, in its characters; None if none."""
        first, last = view.span(start, end)
        begins = len(self._said)
        first, last = max(first - begins, 0), min(last - begins, len(self.sentence))
        return (first, last) if first < last else None


def _without(text: Text, marks: re.Pattern[str]) -> Text:
    """The text without some marks; each character keeps its place in the original."""
    kept = [True] * len(text.plain)
    for mark in marks.finditer(text.plain):
        kept[mark.start() : mark.end()] = [False] * (mark.end() - mark.start())
    places = [place for place, keep in enumerate(kept) if keep]
    return Text(
        original=text.original,
        plain="".join(text.plain[place] for place in places),
        starts=tuple(text.starts[place] for place in places),
        ends=tuple(text.ends[place] for place in places),
    )


@lru_cache(maxsize=64)
def _risk(child: str) -> Risk:
    return RiskClassifier.shipped().assess(normalise(child))
