"""Holding a language model to the stage: what in its reply is out of place."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import CoachingClassifier
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.reading import Reading
from qiaoban_agent.coaching.tracker import Coaching, Stage
from qiaoban_guards.harms import Harm
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import normalise

Fault: TypeAlias = CoachingAct | Harm | Literal["second_question", "form"]
"""What was wrong with a reply: in the coaching, for the child, or with its form."""
NEVER = (CoachingAct.DISMISS, CoachingAct.RELATION_CLAIM, CoachingAct.PROMISE)
_QUESTIONS = re.compile(r"[?？]+")
ASKED_FOR = frozenset({Cue.ASKS_ADVICE, Cue.KNOWLEDGE, Cue.TASK, Cue.JOKE_PLEASE})


def is_question(sentence: str) -> bool:
    """Whether a sentence asks."""
    return _QUESTIONS.search(sentence) is not None


def advice_is_early(coaching: Coaching, reading: Reading) -> bool:
    """Whether a suggestion would come before the child was heard and did not ask for one."""
    return coaching.stage is not Stage.EXPLORE and reading.cues.isdisjoint(ASKED_FOR)


class Steering:
    """Reads one reply of a model as it comes."""

    def __init__(
        self, classifier: CoachingClassifier, language: Language, *, advice_is_early: bool
    ) -> None:
        self._classifier = classifier
        self._language: Language = language
        self._never = {*NEVER}
        if advice_is_early:
            self._never.add(CoachingAct.ADVICE)

    def fault(
        self, sentence: str, questions: int
    ) -> CoachingAct | Literal["second_question"] | None:
        """What is wrong with the next sentence, after `questions` were asked; None if nothing."""
        if questions + len(_QUESTIONS.findall(sentence)) > 1:
            return "second_question"
        plain = normalise(sentence).plain
        sure = self._classifier.acts(plain, self._language, sure=True)
        return next((act for act in sure if act in self._never), None)

    def acts(self, sentence: str) -> list[CoachingAct]:
        """The coaching acts of a sentence that is said."""
        return self._classifier.acts(normalise(sentence).plain, self._language)
