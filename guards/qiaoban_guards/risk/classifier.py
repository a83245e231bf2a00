"""The embedded risk guard: rules and a statistical model, each where it is strong.

`must` rules hold what may never be missed. Every other rule is a clue: it adds to what the linear
model reads in the words, and what it finds stands only if the model does not speak against it.
What was written so that nobody should read it (`unmask`) is judged beside the plain form.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from qiaoban_guards.classification.features import distinct, features, named_features, spans
from qiaoban_guards.classification.linear import LinearModel, read_arrays
from qiaoban_guards.documents import Frozen
from qiaoban_guards.expressions import LAZY
from qiaoban_guards.risk.lexicon import Lexicon
from qiaoban_guards.risk.rules import Rules
from qiaoban_guards.risk.taxonomy import Category, Finding, Risk, RiskLevel, Role, When, Who
from qiaoban_guards.text import Text, has_han
from qiaoban_guards.text.evasions import unmask

Language: TypeAlias = Literal["zh", "en"]
CATEGORIES = tuple(Category)
ROLES = tuple(Role)
WHENS = tuple(When)
HEADS = (
    *("low", "moderate", "high", "imminent"),
    *(f"category:{category}" for category in CATEGORIES),
    "who:other",
    *(f"role:{role}" for role in ROLES),
    *(f"when:{when}" for when in WHENS),
)
"""What the model gives a probability of: that the level is at least…; and, given that there is a
danger, its category, who is at risk, the child's role, and when."""

_LATIN = re.compile(r"[a-z]")
_FIRST_CATEGORY = 4
_OTHER = _FIRST_CATEGORY + len(CATEGORIES)
_FIRST_ROLE = _OTHER + 1
_FIRST_WHEN = _FIRST_ROLE + len(ROLES)


class Thresholds(Frozen):
    """From which probability on a message is at a level; chosen on data the model did not see.

    A clue of a rule that is no `must` stands from `support` on (of at least moderate). `must` is
    (slope, offset) of the probability that a `must` finding is right, by the model's log-odds.
    """

    low: float
    moderate: float
    high: float
    imminent: float
    support: float
    must: tuple[float, float]


class RiskClassifier:
    """The embedded guard, Chinese and English together. Safe to share between threads."""

    def __init__(
        self,
        lexicons: Mapping[Language, Lexicon],
        models: Mapping[Language, LinearModel],
        thresholds: Mapping[Language, Thresholds],
    ) -> None:
        self._lexicons, self._models, self._thresholds = lexicons, models, thresholds

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> RiskClassifier:
        """The guard that comes with the package, read once."""
        return cls.load(files("qiaoban_guards") / "risk" / "model")

    @classmethod
    def load(cls, folder: Traversable) -> RiskClassifier:
        """The guard whose files (`make risk-model`) stand in `folder`."""
        rules = read_compiled(folder / "rules.json.gz")
        arrays = read_arrays(BytesIO((folder / "weights.npz").read_bytes()))
        thresholds = TypeAdapter(dict[Language, Thresholds]).validate_json(
            (folder / "thresholds.json").read_bytes()
        )
        return cls(
            {language: Lexicon(of) for language, of in rules.items()},
            {language: LinearModel.of(arrays, language, HEADS) for language in rules},
            thresholds,
        )

    def assess(self, text: Text, open_: Collection[Category] = ()) -> Risk:
        """The risk of one message; `open_` are the dangers already open in the conversation."""
        risk = self._assess_view(text, open_)
        seen = unmask(text)
        if seen.plain == text.plain:
            return risk
        hidden = self._assess_view(seen, open_)
        if hidden.level < risk.level or hidden.level is RiskLevel.NONE:
            return risk
        more = [found for found in risk.findings if found.category not in hidden.categories]
        return Risk.of([*hidden.findings, *more], hidden.scores)

    def warm(self) -> None:
        """Compile every rule now; else each is when a message first may need it."""
        for lexicon in self._lexicons.values():
            lexicon.warm()

    def clues(self, text: Text, open_: Collection[Category] = ()) -> list[Finding]:
        """What the rules alone find in one view of a message."""
        return read_clues(self._lexicons, text, open_)

    def _assess_view(self, text: Text, open_: Collection[Category]) -> Risk:
        language: Language = "zh" if has_han(text.plain) else "en"
        if language == "en" and not _LATIN.search(text.plain):
            return Risk()
        if self._lexicons[language].is_calm(text.plain):
            return Risk()
        clues = self.clues(text, open_)
        index = model_input(text.plain, clues, language=language)
        probabilities = self._models[language].probabilities(index)
        return self._weighed(text, clues, probabilities, language, open_)

    def _weighed(
        self,
        text: Text,
        clues: Sequence[Finding],
        probabilities: NDArray[np.float64],
        language: Language,
        open_: Collection[Category],
    ) -> Risk:
        thresholds = self._thresholds[language]
        support = bool(probabilities[1] >= thresholds.support)
        findings = [
            clue if support or self._stands(clue, open_) else _lowered(clue) for clue in clues
        ]
        level = _level(probabilities, thresholds)
        shares = probabilities[_FIRST_CATEGORY:_OTHER]
        shares = shares / shares.sum()
        likeliest = CATEGORIES[int(np.argmax(shares))]
        met = any(f.category is likeliest and f.level >= level for f in findings)
        if level > RiskLevel.NONE and not met:
            findings.append(self._read(text, likeliest, level, probabilities, language))
        findings += self._seconds(findings)
        scores = dict(zip(CATEGORIES, (shares * probabilities[1]).tolist(), strict=True))
        right = _right(float(probabilities[1]), thresholds.must)
        for finding in findings:
            if finding.level >= RiskLevel.MODERATE and self._is_must(finding):
                scores[finding.category] = max(scores[finding.category], right)
        return Risk.of(findings, scores)

    def _seconds(self, findings: Iterable[Finding]) -> list[Finding]:
        """What was found, once more under the second category of its rule."""
        there = {finding.category for finding in findings}
        named = [
            (finding, lexicon.second[finding.source])
            for lexicon in self._lexicons.values()
            for finding in findings
            if finding.source in lexicon.second
        ]
        return [
            finding.model_copy(update={"category": category})
            for finding, category in named
            if category not in there
        ]

    def _stands(self, clue: Finding, open_: Collection[Category]) -> bool:
        """Whether a clue needs no support: a must, or what an open danger gives its meaning."""
        opened = clue.category in open_ and any(
            clue.source in lexicon.opening for lexicon in self._lexicons.values()
        )
        return opened or self._is_must(clue)

    def _is_must(self, finding: Finding) -> bool:
        return any(finding.source in lexicon.must for lexicon in self._lexicons.values())

    def _read(
        self,
        text: Text,
        category: Category,
        level: RiskLevel,
        probabilities: NDArray[np.float64],
        language: Language,
    ) -> Finding:
        """What the model alone finds, with the words that speak most for it."""
        found = spans(text.plain, han=language == "zh")
        head = _FIRST_CATEGORY + CATEGORIES.index(category)
        first, last = self._models[language].evidence(found, len(text.plain), head)
        start, end = text.span(first, last)
        return Finding(
            category=category,
            level=level,
            who=Who.OTHER if probabilities[_OTHER] >= 0.5 else Who.SELF,
            role=ROLES[int(np.argmax(probabilities[_FIRST_ROLE:_FIRST_WHEN]))],
            when=WHENS[int(np.argmax(probabilities[_FIRST_WHEN:]))],
            span=text.original[start:end],
            start=start,
            end=end,
            source=f"model.{language}",
        )


def read_clues(
    lexicons: Mapping[Language, Lexicon], text: Text, open_: Collection[Category] = ()
) -> list[Finding]:
    """What the rules of every language that is in a message find in it."""
    found: list[Finding] = []
    if has_han(text.plain):
        found += lexicons["zh"].findings(text, open_)
    if _LATIN.search(text.plain):
        found += lexicons["en"].findings(text, open_)
    return found


def model_input(plain: str, clues: Sequence[Finding], *, language: Language) -> NDArray[np.int64]:
    """The features of a message, each once: its n-grams and the rules that fired."""
    names = [f"rule:{clue.source}" for clue in clues]
    names += [f"clue:{clue.category}:{clue.level.label}" for clue in clues]
    names += [f"level:{clue.level.label}" for clue in clues]
    words = features(plain, han=language == "zh")
    return distinct(np.concatenate([words, named_features(names)]) if names else words)


def _right(probability: float, calibration: tuple[float, float]) -> float:
    """The probability that a `must` finding is right where the model gives `probability`."""
    odds = np.log(max(probability, 1e-6) / max(1 - probability, 1e-6))
    return float(1 / (1 + np.exp(-(calibration[0] * odds + calibration[1]))))


def read_compiled(source: Traversable) -> Mapping[Language, Rules]:
    """The rules of every language from their compiled file."""
    data = gzip.decompress(source.read_bytes())
    adapter = TypeAdapter(dict[Language, Rules])
    return adapter.validate_json(data, context={LAZY: True})


def _lowered(clue: Finding) -> Finding:
    return clue.model_copy(update={"level": min(clue.level, RiskLevel.LOW)})


def _level(probabilities: NDArray[np.float64], thresholds: Thresholds) -> RiskLevel:
    low, moderate, high, imminent = probabilities[:_FIRST_CATEGORY].tolist()
    if moderate < thresholds.moderate:
        return RiskLevel.LOW if low >= thresholds.low else RiskLevel.NONE
    if imminent >= thresholds.imminent:
        return RiskLevel.IMMINENT
    return RiskLevel.HIGH if high >= thresholds.high else RiskLevel.MODERATE
