"""Judging a whole reply: each sentence where it stands, then what the whole passes over."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from qiaoban_guards.batch.lines import CHILD_ROLES
from qiaoban_guards.harms import Harm
from qiaoban_guards.output.gate import Segmenter
from qiaoban_guards.output.passage import Broken, Passage, Spoken, Verdict
from qiaoban_guards.output.rules import ALLOW, OutputRules
from qiaoban_guards.policy.output import GRAVITY, Action, ClassifierRule
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.conversation import CONTEXT, assess_last
from qiaoban_guards.risk.taxonomy import Risk
from qiaoban_guards.text import has_han

Acts = Callable[[str, Language], Collection[str]]
"""Reads what a sentence does in coaching."""
_LEFT_OUT = ("drop", "redact")
"""Actions behind which the reply goes on."""
_ENDS_BADLY = ("escalate", "replace")
"""Actions that put curated words in the place of the reply."""
_WORD = re.compile(r"[a-z']+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a reply.

    `allowed`: no harm was found, and curated words do not take its place. A matter of form (points,
    questions, length, reading) that leaves sentences out, ends the reply or has it written anew
    leaves it allowed; `action` then tells. `action` is the gravest of all, `rules` are those that
    fired, in order, and `broken` where, with places in the reply. `harm` is the likeliest of
    theirs, the gravest where the classifier tells nothing. `scores` are the highest of any
    sentence, and of the whole what it passes over; empty where the policy asks no classifier.
    `text` is what a child would read; None where other words take its place.
    """

    allowed: bool
    action: Action | Literal["allow"]
    rules: tuple[str, ...]
    harm: Harm | None
    scores: Mapping[Harm, float]
    broken: tuple[Broken, ...]
    text: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of one sentence: `passed` is what may be said of it."""

    action: Action | Literal["allow"]
    passed: str
    broken: tuple[Broken, ...]
    scores: Mapping[Harm, float]
    passage: Passage


class ReplyJudge:
    """A policy's output rules, applied to whole replies. Safe to share between threads.

    `acts` reads what a sentence does in coaching, for a policy that has rules about it. A policy's
    guard models are not asked: they are waited for elsewhere.
    """

    def __init__(self, rules: OutputRules, policy: Policy, *, acts: Acts | None = None) -> None:
        self._rules, self._limits, self._acts = rules, policy.output, acts
        self._readers = [rule for rule in policy.output.rules if isinstance(rule, ClassifierRule)]

    @classmethod
    def of(cls, policy: Policy, *, acts: Acts | None = None) -> ReplyJudge:
        """The judge of a policy."""
        return cls(OutputRules.of(policy), policy, acts=acts)

    def judge(
        self,
        child: str,
        reply: str,
        language: Language | None = None,
        before: Sequence[Mapping[str, str]] = (),
        *,
        risk: Risk | None = None,
    ) -> Judgement:
        """Judge what answers `child`, a message in `language`; by default that it is written in.

        `before` are earlier messages ({role, content}), oldest first: what the child said in them
        says how grave its message is. Where its `risk` is known, they are not read. The reply is
        cut as a stream is, and judged to its end, also behind a sentence that would have ended it.
        """
        if risk is None:
            earlier = [one["content"] for one in before if one["role"].lower() in CHILD_ROLES]
            risk = assess_last(RiskClassifier.shipped(), [*earlier[-CONTEXT:], child])
        language = language or _language(child, reply)
        where = Spoken(child=child, said="", language=language, risk=risk)
        broken, scores = list[Broken](), dict[Harm, float]()
        said, text, ended = "", "", False
        passage: Passage | None = None
        sentences = list(self._sentences(reply))
        for number, (start, sentence, ahead) in enumerate(sentences, start=1):
            final = number == len(sentences)
            part = self._sentence(sentence, replace(where, said=said, ahead=ahead, final=final))
            broken += [_moved(found, start, len(reply)) for found in part.broken]
            scores = _highest(scores, part.scores)
            passage = part.passage
            ended = ended or part.action not in ("allow", *_LEFT_OUT)
            said += part.passed
            if not ended:  # a blank that parted two sentences opens no text
                text += part.passed if text else part.passed.lstrip()
        whole = self._whole(reply, where, passage)
        return _summed_up([*broken, *whole.broken], _highest(scores, whole.scores), text)

    def whole(self, reply: str, spoken: Spoken) -> Verdict:
        """Whether a reply as a whole passes over a danger; what was said before is not looked at.

        Asked only where the policy asks the classifier about it.
        """
        return self._whole(reply, spoken, None)

    def _whole(self, reply: str, spoken: Spoken, last: Passage | None) -> Verdict:
        """The same; `last` is the reply's last sentence, which often was read with all of it."""
        rules = [rule for rule in self._readers if Harm.RISK_IGNORED not in rule.ignore]
        if not rules or not reply.strip():
            return ALLOW
        classifier = self._rules.classifier
        passage = Passage(reply, replace(spoken, said=""), classifier)
        if last is not None and last.end == passage.end:
            passage = last
        scores = {Harm.RISK_IGNORED: passage.as_whole[Harm.RISK_IGNORED]}
        thresholds = classifier.thresholds(passage.so_far)
        broken = [
            Broken(
                action=rule.actions.get(Harm.RISK_IGNORED, rule.action),
                rule=rule.id,
                reason=rule.reason,
                harm=Harm.RISK_IGNORED,
                start=0,
                end=len(reply),
            )
            for rule in rules
            if thresholds.harm(scores, rule.strictness) is not None
        ]
        if not broken:
            return Verdict("allow", scores=scores)
        broken.sort(key=_gravity)
        first = broken[0]
        return Verdict(
            first.action,
            first.rule,
            first.reason,
            first.harm,
            first.start,
            first.end,
            tuple(broken),
            scores,
        )

    def _sentences(self, reply: str) -> Iterator[tuple[int, str, str]]:
        """Where each sentence begins, the sentence, and what is read along behind it."""
        longest, start = self._limits.longest_sentence, 0
        segmenter = Segmenter(longest, self._limits.overlap)
        for begin in range(0, len(reply), longest):  # in pieces, so that no piece is copied often
            for sentence in segmenter.feed(reply[begin : begin + longest]):
                yield start, sentence, segmenter.ahead
                start += len(sentence)
        for sentence in segmenter.finish():
            yield start, sentence, segmenter.ahead
            start += len(sentence)

    def _sentence(self, sentence: str, where: Spoken) -> _Part:
        if self._acts is not None:
            where = replace(where, acts=frozenset(self._acts(sentence, where.language)))
        passage = Passage(sentence, where, self._rules.classifier)
        verdict = self._rules.judge_passage(passage)
        if verdict.action == "redact":
            return self._redacted(passage, verdict)
        passed = sentence if verdict.allowed else ""
        return _Part(verdict.action, passed, verdict.broken, verdict.scores, passage)

    def _redacted(self, passage: Passage, verdict: Verdict) -> _Part:
        """What is left of a sentence is judged again, and not said if it says nothing any more."""
        sentence, where = passage.sentence, passage.spoken
        start, end = verdict.start, verdict.end
        rest = sentence[:start] + sentence[end:]
        if not any(character.isalnum() for character in rest):
            return _Part("redact", "", verdict.broken, verdict.scores, passage)
        again = self._rules.judge(rest, where)
        broken = [*verdict.broken]
        broken += [_stretched(found, start, end - start) for found in again.broken]
        action = "redact" if again.allowed else again.action
        passed = rest if again.allowed else ""
        return _Part(action, passed, tuple(dict.fromkeys(broken)), verdict.scores, passage)


def _language(child: str, reply: str) -> Language:
    """The language of the child's message, or of the reply where it has too few letters to tell."""
    for text in (child, reply):
        if has_han(text):
            return "zh"
        if len(_WORD.findall(text)) > 1:
            return "en"
    return "en"


def _gravity(found: Broken) -> int:
    return GRAVITY.index(found.action)


def _highest(one: Mapping[Harm, float], other: Mapping[Harm, float]) -> dict[Harm, float]:
    if not one:
        return dict(other)
    return {harm: max(one.get(harm, 0.0), other.get(harm, 0.0)) for harm in {**one, **other}}


def _moved(found: Broken, by: int, most: int) -> Broken:
    return replace(found, start=min(found.start + by, most), end=min(found.end + by, most))


def _stretched(found: Broken, place: int, length: int) -> Broken:
    """What was found in a rest, where it stands with the `length` characters at `place` back."""
    start = found.start + (length if found.start >= place else 0)
    end = found.end + (length if found.end > place else 0)
    return replace(found, start=start, end=end)


def _summed_up(broken: list[Broken], scores: Mapping[Harm, float], text: str) -> Judgement:
    action = min(broken, key=_gravity).action if broken else "allow"
    harmful = [(-scores.get(one.harm, 0.0), _gravity(one), one.harm) for one in broken if one.harm]
    harm = min(harmful)[2] if harmful else None
    replaced = action in (*_ENDS_BADLY, "retry") or not text.strip()
    return Judgement(
        allowed=harm is None and action not in _ENDS_BADLY,
        action=action,
        rules=tuple(dict.fromkeys(found.rule for found in broken)),
        harm=harm,
        scores=scores,
        broken=tuple(broken),
        text=None if replaced else text,
    )
