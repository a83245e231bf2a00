"""Judging one sentence of a reply in the context of all that was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from qiaoban_guards.harms import Harm
from qiaoban_guards.output.checks import Check, check_of
from qiaoban_guards.output.classifier import ReplyClassifier
from qiaoban_guards.output.passage import Passage, Spoken, Verdict
from qiaoban_guards.policy.output import GRAVITY, ClassifierRule, OutputRule, PatternRule
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.risk.prefilter import FinePrefilter

ALLOW = Verdict("allow")


class OutputRules:
    """A policy's output rules, applied to one sentence at a time."""

    def __init__(
        self,
        rules: Sequence[OutputRule],
        *,
        spare: Sequence[str] = (),
        classifier: ReplyClassifier | None = None,
    ) -> None:
        """`spare` are numbers that are nobody's personal data: the policy's own helplines.

        `classifier` is the embedded one unless another is given.
        """
        self.classifier = classifier or ReplyClassifier.shipped()
        self._checks = [check_of(rule, spare) for rule in rules]
        self._prefilter = _prefilter(
            tuple(rule.any if isinstance(rule, PatternRule) else () for rule in rules)
        )

    @classmethod
    def of(cls, policy: Policy, classifier: ReplyClassifier | None = None) -> OutputRules:
        """The rules of a policy, its forbidden personas among them."""
        rules = [*_against_personas(policy), *policy.output.rules]
        numbers = [line.number for line in policy.helplines]
        return cls(rules, spare=numbers, classifier=classifier)

    @classmethod
    def for_curated(cls, policy: Policy) -> OutputRules:
        """The same without the classifier, for lines that were written and read beforehand."""
        written = [rule for rule in policy.output.rules if not isinstance(rule, ClassifierRule)]
        rules = [*_against_personas(policy), *written]
        return cls(rules, spare=[line.number for line in policy.helplines])

    def judge(self, sentence: str, spoken: Spoken) -> Verdict:
        """Whether `sentence` may follow what was said; the gravest rule broken decides."""
        return self.judge_passage(Passage(sentence, spoken, self.classifier))

    def judge_passage(self, passage: Passage) -> Verdict:
        """The same for a sentence of which something was read already, or will be."""
        broken = [found for check in self._candidates(passage) for found in check(passage)]
        empty: Mapping[Harm, float] = {}
        scores = passage.scores if "scores" in vars(passage) else empty
        if not broken:
            return Verdict("allow", scores=scores)
        broken.sort(key=lambda found: GRAVITY.index(found.action))
        first = broken[0]
        return Verdict(
            action=first.action,
            rule=first.rule,
            reason=first.reason,
            harm=first.harm,
            start=first.start,
            end=first.end,
            broken=tuple(broken),
            scores=scores,
        )

    def _candidates(self, passage: Passage) -> list[Check]:
        """The checks, in their order, without those of patterns that are in no view."""
        found = {rule for view in passage.views for rule in self._prefilter.candidates(view.plain)}
        return [self._checks[rule] for rule in sorted(found)]


@lru_cache(maxsize=8)
def _prefilter(rules: tuple[tuple[str, ...], ...]) -> FinePrefilter:
    return FinePrefilter(rules)


def _against_personas(policy: Policy) -> Iterator[OutputRule]:
    for persona in policy.personas.forbidden:
        rule = {
            "id": f"persona.{persona.id}",
            "action": persona.action,
            "reason": f"never poses as {persona.say.get('en', persona.id)}",
            "harm": persona.harm,
            "any": persona.any,
            "except": persona.except_,
        }
        yield PatternRule.model_validate(rule)
