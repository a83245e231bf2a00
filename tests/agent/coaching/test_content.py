"""Every curated line and every fixed sentence, held to what a child may read."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files

import pytest
import yaml

from qiaoban_agent import load_policy
from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Lexicon
from qiaoban_agent.coaching.linter import sample
from qiaoban_agent.coaching.memory import AGE_BANDS
from qiaoban_agent.coaching.reading import Reader
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.output import OutputRules, Spoken
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.risk import Risk, RiskClassifier
from qiaoban_guards.text import normalise

LANGUAGES: tuple[Language, ...] = ("zh", "en")
QUESTIONS = frozenset({act for act in Act if act.startswith("ask_")} | {Act.EXPLORE})
MAY_ASK = QUESTIONS | {Act.CHOICE, Act.JOKE, Act.TEST, Act.TASK}
LONGEST = {"zh": 34, "en": 125}
FEWEST_LINES = {"zh": 2000, "en": 600}
AWKWARD = [
    "",
    "a",
    "{thing}",
    "{0}",
    "100%s",
    "他说“别烦我”！",
    'he said "go away"!',
    "妈妈，爸爸；还有……弟弟。",
    "x" * 70,
    "\\n",
]
"""What may stand in a child's own words; questions are never said back."""


def topics(language: Language) -> set[str]:
    return {topic.topic for topic in Lexicon.shipped(language).topics}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_passes_the_policys_own_rules(language: Language) -> None:
    rules = OutputRules.for_curated(load_policy("default"))
    content = Content.shipped(language)
    broken = [
        (line.text, verdict.rule)
        for act in Act
        for line in content.lines(act)
        if not (verdict := rules.judge(sample(line, language), Spoken("", "", language))).allowed
    ]
    assert broken == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_short_and_ask_at_most_one_question(language: Language) -> None:
    for act in Act:
        for line in Content.shipped(language).lines(act):
            longest = LONGEST[language] * 1.6 if act is Act.JOKE else LONGEST[language]
            assert len(sample(line, language)) <= longest, line.text
            asked = len(re.findall("[?？]+", line.text))
            assert asked <= 1, line.text
            if act in QUESTIONS:
                assert asked == 1, line.text
            if act not in MAY_ASK:
                assert asked == 0, line.text


@pytest.mark.parametrize("words", AWKWARD)
@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_stands_in_a_slot_a_line_asks_once_at_most(language: Language, words: str) -> None:
    for act in Act:
        for line in Content.shipped(language).lines(act):
            if line.slots:
                said = line.filled(dict.fromkeys(line.slots, words), language)
                assert said is not None
                assert words[1:] in said
                assert len(re.findall("[?？]", said)) <= 1, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_takes_up_at_most_two_of_the_childs_words(language: Language) -> None:
    for act in Act:
        for line in Content.shipped(language).lines(act):
            assert line.text.count("{") <= 2, line.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_stands_twice(language: Language) -> None:
    content = Content.shipped(language)
    counted = Counter(line.text for act in Act for line in content.lines(act))
    assert [text for text, count in counted.items() if count > 1] == []
    assert len({line.id for act in Act for line in content.lines(act)}) == counted.total()


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_and_topics_speak_of_the_same_topics(language: Language) -> None:
    content = Content.shipped(language)
    used = {topic for act in Act for line in content.lines(act) for topic in line.topics}
    assert used <= topics(language)
    assert topics("zh") == topics("en")


# ---- coverage --------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_lines_enough_for_many_topics(language: Language) -> None:
    content = Content.shipped(language)
    assert len(topics(language)) >= 60
    assert sum(len(content.lines(act)) for act in Act) >= FEWEST_LINES[language]


@pytest.mark.parametrize("acts", [(Act.UNDERSTAND,), (Act.ACCEPT,), (Act.EXPLORE, Act.SUGGEST)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_topic_has_lines_of_its_own(language: Language, acts: tuple[Act, ...]) -> None:
    content = Content.shipped(language)
    own = {topic for act in acts for line in content.lines(act) for topic in line.topics}
    assert topics(language) - own == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_always_something_to_say(language: Language) -> None:
    """For every act, emotion and age some line fits that needs no words of the child."""
    content = Content.shipped(language)
    for act in set(Act) - {Act.LIMIT}:
        for emotion in Emotion:
            for age in AGE_BANDS:
                for sure in (True, False):
                    fitting = content.fitting(act, emotion, None, age, sure=sure)
                    plain = [line for _, line in fitting if not line.slots]
                    assert len(plain) >= 3, (act, emotion, age, sure)


@pytest.mark.parametrize("language", LANGUAGES)
def test_limits_are_for_troubles_only(language: Language) -> None:
    """A good feeling needs none, and anger has some at every age."""
    content = Content.shipped(language)
    for line in content.lines(Act.LIMIT):
        assert line.emotions
        assert "positive" not in line.emotions
        assert all(e == "negative" or Emotion(e).valence == "negative" for e in line.emotions)
    for age in AGE_BANDS:
        fitting = content.fitting(Act.LIMIT, Emotion.ANGER, None, age, sure=True)
        assert sum(not line.slots for _, line in fitting) >= 3


# ---- what a line does to a child -------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_curated_lines_raise_no_alarm_when_a_child_repeats_them(language: Language) -> None:
    classifier = RiskClassifier.shipped()
    alarmed = [
        line.text
        for act in Act
        for line in Content.shipped(language).lines(act)
        if Risk.of(classifier.clues(normalise(sample(line, language)))).level >= 3
    ]
    assert alarmed == []


def test_no_line_is_for_a_person_or_a_relative_to_say() -> None:
    forbidden = re.compile(
        "我也(?:经历|遇到)过|我小时候|作为(?:一个)?AI|亲爱的|宝贝|我保证|抑郁症|首先|其次"
    )
    for act in Act:
        for line in Content.shipped("zh").lines(act):
            assert not forbidden.search(line.text), line.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_teenager_is_not_shouted_at(language: Language) -> None:
    for act in Act:
        for line in Content.shipped(language).lines(act):
            if list(line.ages) == ["13-17"]:
                assert not re.search("[!！]|小朋友", line.text), line.text


# ---- what is read off a child ----------------------------------------------------------


def test_every_cue_in_the_lexicon_is_known() -> None:
    for language in LANGUAGES:
        source = files("qiaoban_agent") / "coaching" / "lexicon" / language / "cues.yaml"
        entries = yaml.safe_load(source.read_text("utf-8"))["cues"]
        named = {entry["cue"] for entry in entries}
        assert named <= {cue.value for cue in Cue}
        assert {Cue.SILENCE.value, Cue.REPETITION.value}.isdisjoint(named)
        assert {Cue.ASKS_ADVICE.value, Cue.MINIMAL.value, Cue.FAREWELL.value} <= named


@pytest.mark.parametrize(
    ("text", "emotion", "topic"),
    [
        ("我把新买的自行车骑沟里去了，回家肯定要挨训，心里打鼓", "negative", None),
        ("今天合唱团选上我当领唱啦", "positive", None),
        ("豆豆昨天夜里走了，它才三岁，我一直哭", "negative", None),
        ("不难过了，已经好啦", "not negative", None),
        ("这道题好难", "any", "homework"),
        ("我一点也不开心", "negative", None),
        ("笑死我了，他把粉笔当成糖", "positive", None),
    ],
)
def test_feelings_are_read_off_chinese(text: str, emotion: str, topic: str | None) -> None:
    reading = Reader.shipped("zh").read(normalise(text).plain)
    if emotion == "not negative":
        assert reading.emotion.valence != "negative"
    elif emotion != "any":
        assert reading.emotion.valence == emotion
    if topic is not None:
        assert reading.topic == topic


def test_prompts_name_every_stage_emotion_and_age() -> None:
    for language in LANGUAGES:
        prompts = Content.shipped(language).prompts
        assert set(prompts.stages) == set(Stage)
        assert set(prompts.emotions) == set(Emotion)
        assert set(prompts.ages) == set(AGE_BANDS)
        assert json.dumps(prompts.model_dump(mode="json"))
