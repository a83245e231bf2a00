"""The embedded reply classifier: rules and a linear model, read in the context of the child.

Rules are clues beside the n-grams of the sentence; how far each is to be trusted is learnt from
pairs that its writer had not seen. What a sentence means depends on what the child said: each
n-gram is there twice, once alone and once together with how grave the child's message is. What is
read is the reply so far, up to and with the sentence in question: the whole tells more than a part.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from qiaoban_guards.classification.features import BUCKETS, distinct, features, named_features
from qiaoban_guards.classification.linear import LinearModel, read_arrays
from qiaoban_guards.documents import Frozen
from qiaoban_guards.expressions import LAZY
from qiaoban_guards.harms import Harm
from qiaoban_guards.output.lexicon import Clue, ReplyLexicon, ReplyRules
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk.taxonomy import Category, Risk, RiskLevel
from qiaoban_guards.text import Text, has_han

HARMS = tuple(harm for harm in Harm if harm is not Harm.RISK_IGNORED)
HEADS = ("harmful", "ignored", *HARMS)
"""What the model gives a probability of: that a sentence is harmful; that a whole reply passes over
a danger; and which harm it is, given that there is one."""
_SPREAD = np.int64(2654435761)
REACH = 220
"""Characters of a reply that are read at most: its end."""
_TRICKS = (Category.JAILBREAK, Category.PRIVACY)


class ReplyThresholds(Frozen):
    """From which probability on a reply is harmful.

    `so_far` holds while more may come, `harmful` of a whole reply, `ignored` of one that passes
    over a danger.
    """

    so_far: float
    harmful: float
    ignored: float

    def harm(
        self,
        scores: Mapping[Harm, float],
        strictness: float = 1.0,
        ignore: Collection[Harm] = (),
        *,
        whole: bool = True,
    ) -> Harm | None:
        """The likeliest harm that passes its threshold, of those that are not ignored."""
        passed = [
            harm
            for harm, score in scores.items()
            if harm not in ignore and score * strictness >= self._least(harm, whole=whole)
        ]
        return max(passed, key=lambda harm: scores[harm], default=None)

    def _least(self, harm: Harm, *, whole: bool) -> float:
        if harm is Harm.RISK_IGNORED:
            return self.ignored
        return self.harmful if whole else self.so_far


class ReplyClassifier:
    """The embedded classifier, Chinese and English together. Safe to share between threads."""

    def __init__(
        self,
        lexicons: Mapping[Language, ReplyLexicon],
        models: Mapping[Language, LinearModel],
        thresholds: Mapping[Language, ReplyThresholds],
    ) -> None:
        self._lexicons, self._models, self._thresholds = lexicons, models, thresholds

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> ReplyClassifier:
        """The classifier that comes with the package, read once."""
        return cls.load(files("qiaoban_guards") / "output" / "model")

    @classmethod
    def load(cls, folder: Traversable) -> ReplyClassifier:
        """The classifier whose files (`make reply-model`) stand in `folder`."""
        adapter = TypeAdapter(dict[Language, ReplyRules])
        packed = gzip.decompress((folder / "rules.json.gz").read_bytes())
        rules = adapter.validate_json(packed, context={LAZY: True})
        arrays = read_arrays(BytesIO((folder / "weights.npz").read_bytes()))
        thresholds = TypeAdapter(dict[Language, ReplyThresholds]).validate_json(
            (folder / "thresholds.json").read_bytes()
        )
        return cls(
            {language: ReplyLexicon(of) for language, of in rules.items()},
            {language: LinearModel.of(arrays, language, HEADS) for language in rules},
            thresholds,
        )

    def lexicon(self, language: Language) -> ReplyLexicon:
        """The rules of one language."""
        return self._lexicons[language]

    def thresholds(self, reply: Text) -> ReplyThresholds:
        """The thresholds of the language that a reply is in."""
        return self._thresholds[self._language(reply)]

    def read(
        self, child: Text, risk: Risk, reply: Text, *, whole: bool = False
    ) -> dict[Harm, float]:
        """How probable each harm is, for the reply so far to `child`, whose message has `risk`.

        Whether a danger is passed over is only told of a `whole` reply.
        """
        language = self._language(reply)
        clues = list(self._lexicons[language].clues(reply, child.plain))
        index = model_input(child, risk, reply, clues)
        harmful, ignored, *shares = self._models[language].probabilities(index).tolist()
        among = sum(shares) or 1.0
        scores: dict[Harm, float] = {}
        for harm, share in zip(HARMS, shares, strict=True):
            scores[harm] = harmful * share / among
        # The likeliest harm stands for the whole: that it is hard to name does not make it lighter.
        likeliest = max(scores, key=lambda harm: scores[harm])
        scores[likeliest] = harmful
        scores[Harm.RISK_IGNORED] = ignored if whole else 0.0
        return scores

    def _language(self, reply: Text) -> Language:
        """The language of a reply; of a classifier that knows one only, that one."""
        language: Language = "zh" if has_han(reply.plain) else "en"
        return language if language in self._models else next(iter(self._models))


def gravity(risk: Risk) -> str:
    """How grave the child's message is, of three; tricks played on the companion do not count."""
    level = max((f.level for f in risk.findings if f.category not in _TRICKS), default=0)
    if level >= RiskLevel.MODERATE:
        return "grave"
    return "light" if level else "none"


def model_input(child: Text, risk: Risk, reply: Text, clues: Sequence[Clue]) -> NDArray[np.int64]:
    """The features of a reply to a child, each once."""
    words = features(reply.plain, han=has_han(reply.plain))
    grave = gravity(risk)
    categories = {str(f.category) for f in risk.findings if f.level >= RiskLevel.MODERATE}
    names = [f"child:{grave}", *(f"child:{category}" for category in categories)]
    names += [f"rule:{clue.rule.id}" for clue in clues]
    names += [f"clue:{clue.rule.harm}" for clue in clues]
    names += [f"clue:{clue.rule.harm}:{grave}" for clue in clues]
    names += [f"clues:{'sure' if clue.rule.sure else 'open'}" for clue in clues]
    parts = [words, _apart(words, grave), named_features(names)]
    parts.append(_apart(features(child.plain, han=has_han(child.plain)), "child"))
    return distinct(np.concatenate(parts))


def _apart(index: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """The same features under another name."""
    return np.asarray((index * _SPREAD + crc32(name.encode())) % BUCKETS, np.int64)
