"""Checking content files: may a child read every line, and is there one for every place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import NamedTuple

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import CoachingClassifier
from qiaoban_agent.coaching.content import COACHING_ACTS, Act, Content, Line
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Lexicon
from qiaoban_agent.coaching.memory import AGE_BANDS, AgeBand
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.output import OutputRules, Spoken
from qiaoban_guards.policy import Policy
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import normalise

QUESTIONS = frozenset({act for act in Act if act.startswith("ask_")} | {Act.EXPLORE})
_EITHER = frozenset({Act.CHOICE, Act.JOKE, Act.TEST, Act.TASK})
"""Acts whose lines may ask or not."""
_LONGEST: Mapping[Language, int] = {"zh": 34, "en": 125}
_JOKE = 1.6
"""How much longer a joke may be."""
_WORD_PARTS = re.compile(r"[aeiouy]+")
_HARD_WORD = 5
"""Parts of a word (runs of vowels) from which on it is hard for a young child."""
_LONG_CLAUSE: Mapping[AgeBand, int] = {"5-8": 14, "9-12": 20, "13-17": 24}
"""Chinese characters without a mark that a child of a band reads at a stretch."""
_SLOT = re.compile(r"\{\w+\}")
_CLAUSE = re.compile(r"[^，。！？；：、…“”\s]+")
_NEVER = (CoachingAct.DISMISS, CoachingAct.RELATION_CLAIM, CoachingAct.PROMISE)
_SAMPLES: Mapping[Language, Mapping[str, str]] = {
    "zh": {"cause": "同桌把你的笔弄断了", "person": "妈妈", "thing": "作业", "feeling": "难过"},
    "en": {
        "cause": "your friend broke your pen",
        "person": "your mum",
        "thing": "your homework",
        "feeling": "sad",
    },
}
STAGE_ACTS: Mapping[Stage, tuple[Act, ...]] = {
    Stage.NOTICE: (Act.NOTICE,),
    Stage.UNDERSTAND: (Act.UNDERSTAND,),
    Stage.ACCEPT: (Act.ACCEPT,),
    Stage.EXPLORE: (Act.EXPLORE, Act.SUGGEST),
    Stage.SAVOUR: (Act.SAVOUR,),
    Stage.CLOSE: (Act.CLOSE,),
}


class Problem(NamedTuple):
    """What is wrong with a line, or missing at a place."""

    act: Act
    text: str
    problem: str


def sample(line: Line, language: Language) -> str:
    """The line with words in its slots as a child might have used them."""
    return line.filled(_SAMPLES[language], language) or line.text


def check(folder: Traversable, language: Language, policy: Policy) -> list[Problem]:
    """Everything that is wrong with the content in a folder.

    Raises DocumentError for a file that cannot be read at all.
    """
    content = Content(folder)
    topics = {topic.topic for topic in Lexicon.shipped(language).topics}
    rules = OutputRules.for_curated(policy)
    seen: Counter[str] = Counter()
    problems: list[Problem] = []
    for act in Act:
        for line in content.lines(act):
            seen[normalise(line.text).plain] += 1
            found = [*_form(line, act, language), *_effect(line, act, language, rules)]
            found += [f"no topic is called {name}" for name in sorted(line.topics - topics)]
            problems += [Problem(act, line.text, what) for what in found]
    problems += [
        Problem(act, line.text, "stands twice")
        for act in Act
        for line in content.lines(act)
        if seen[normalise(line.text).plain] > 1
    ]
    return [*problems, *_gaps(content)]


def _form(line: Line, act: Act, language: Language) -> Iterator[str]:
    """Length, questions, and how hard it reads."""
    text = sample(line, language)
    longest = _LONGEST[language] * (_JOKE if act is Act.JOKE else 1)
    if len(text) > longest:
        yield f"{len(text)} characters, at most {longest:.0f}"
    questions = len(re.findall("[?？]+", text))
    if questions > 1 or (act in QUESTIONS and not questions):
        yield f"{questions} questions; a question line has one"
    if questions and act not in QUESTIONS | _EITHER:
        yield "asks, but is a statement"
    youngest: AgeBand | None = next((band for band in AGE_BANDS if band in line.ages), None)
    if language == "zh" and youngest:
        bare = _SLOT.sub("某某", line.text)
        stretch = max((len(run) for run in _CLAUSE.findall(bare)), default=0)
        if stretch > _LONG_CLAUSE[youngest]:
            yield f"{stretch} characters at a stretch are too many for {youngest}"
    if language == "en" and youngest == "5-8":
        hard = [
            w for w in re.findall(r"[a-z]+", line.text) if len(_WORD_PARTS.findall(w)) >= _HARD_WORD
        ]
        if hard:
            yield f"hard words for 5-8: {', '.join(hard)}"


def _effect(line: Line, act: Act, language: Language, rules: OutputRules) -> Iterator[str]:
    """What the line does to a child: the policy's rules, and acts that have no place in it."""
    text = sample(line, language)
    verdict = rules.judge(text, Spoken("", "", language))
    if not verdict.allowed:
        yield f"breaks the policy's rule {verdict.rule}"
    forbidden = {*_NEVER}
    if COACHING_ACTS.get(act) not in (None, CoachingAct.ADVICE, CoachingAct.EXPLORE):
        forbidden.add(CoachingAct.ADVICE)
    acts = CoachingClassifier.shipped().acts(normalise(text).plain, language, sure=True)
    for wrong in sorted(forbidden.intersection(acts)):
        yield f"reads as {wrong}"


def _gaps(content: Content) -> Iterator[Problem]:
    """Places of emotion, stage and age with nothing to say."""
    for stage, acts in STAGE_ACTS.items():
        for emotion in Emotion:
            if not _arises(stage, emotion):
                continue
            for age in AGE_BANDS:
                for act in acts:
                    if not content.fitting(act, emotion, None, age, sure=True):
                        yield Problem(act, "", f"no line for {emotion}, {stage}, {age}")


def _arises(stage: Stage, emotion: Emotion) -> bool:
    if emotion is Emotion.NONE or stage is Stage.CRISIS:
        return False
    if stage is Stage.SAVOUR:
        return emotion.valence == "positive"
    return emotion.valence == "negative" or stage is Stage.CLOSE


def coverage(
    content: Content, language: Language
) -> Iterator[tuple[str, Emotion, Stage, AgeBand, int]]:
    """How many lines fit each (topic, emotion, stage, age) and are for that topic."""
    for topic in sorted({topic.topic for topic in Lexicon.shipped(language).topics}):
        for stage, acts in STAGE_ACTS.items():
            for emotion in Emotion:
                if not _arises(stage, emotion):
                    continue
                for age in AGE_BANDS:
                    own = sum(
                        topic in line.topics
                        for act in acts
                        for _, line in content.fitting(act, emotion, topic, age, sure=True)
                    )
                    yield topic, emotion, stage, age, own
