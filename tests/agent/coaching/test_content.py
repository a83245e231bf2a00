"""Every curated line and every fixed sentence, held to what a child may read."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from typing import cast

import pytest
import yaml

from qiaoban_agent import Emotion, load_policy
from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.reading import Cue, Reader
from qiaoban_guards.output import OutputRules, Spoken
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.risk import Risk, RiskClassifier
from qiaoban_guards.text import normalise

LANGUAGES: tuple[Language, ...] = ("zh", "en")
QUESTIONS = {act for act in Act if act.startswith("ask_") or act in (Act.EXPLORE, Act.CHOICE)}
LONGEST = {"zh": 30, "en": 110}


def topics(language: Language) -> set[str]:
    source = files("qiaoban_agent") / "coaching" / "lexicon" / language / "topics.yaml"
    read = cast("dict[str, list[dict[str, str]]]", yaml.safe_load(source.read_text("utf-8")))
    return {entry["topic"] for entry in read["topics"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_passes_the_policys_own_rules(language: Language) -> None:
    rules = OutputRules(load_policy("default").output.rules)
    content = Content.shipped(language)
    broken = [
        (line.text, verdict.rule)
        for act in Act
        for line in content.lines(act)
        if not (verdict := rules.judge(line.text, Spoken("", "", language))).allowed
    ]
    assert broken == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_short_and_ask_at_most_one_question(language: Language) -> None:
    for act in Act:
        for line in Content.shipped(language).lines(act):
            longest = LONGEST[language] * 1.5 if act is Act.JOKE else LONGEST[language]
            assert len(line.text) <= longest, line.text
            asked = len(re.findall("[?？]+", line.text))
            assert asked <= 1, line.text
            if act in QUESTIONS - {Act.CHOICE}:
                assert asked == 1, line.text
            if act in (Act.NOTICE, Act.UNDERSTAND, Act.ACCEPT, Act.SUGGEST, Act.SAVOUR, Act.CHAT):
                assert asked == 0, line.text


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_always_something_to_say(language: Language) -> None:
    """For every act, emotion and topic some line fits, and several for the common ones."""
    content = Content.shipped(language)
    for act in Act:
        for emotion in Emotion:
            for topic in (None, *topics(language)):
                fitting = [li for li in content.lines(act) if li.fit(emotion, topic) is not None]
                if act in (Act.NOTICE, Act.SAVOUR) or not any(not li.emotions for li in fitting):
                    assert fitting or emotion.valence == "neutral", (act, emotion, topic)
                else:
                    assert len(fitting) >= 3, (act, emotion, topic)


@pytest.mark.parametrize("language", LANGUAGES)
def test_curated_lines_raise_no_alarm_when_a_child_repeats_them(language: Language) -> None:
    classifier = RiskClassifier.shipped()
    alarmed = [
        line.text
        for act in Act
        for line in Content.shipped(language).lines(act)
        if Risk.of(classifier.clues(normalise(line.text))).level >= 3
    ]
    assert alarmed == []


def test_no_line_is_for_a_person_or_a_relative_to_say() -> None:
    forbidden = re.compile(
        "我也(?:经历|遇到)过|我小时候|作为(?:一个)?AI|亲爱的|宝贝|我保证|抑郁症|首先|其次"
    )
    for act in Act:
        for line in Content.shipped("zh").lines(act):
            assert not forbidden.search(line.text), line.text


def test_every_cue_a_child_can_give_is_recognised() -> None:
    computed = {Cue.SILENCE, Cue.REPETITION}
    for language in LANGUAGES:
        source = files("qiaoban_agent") / "coaching" / "lexicon" / language / "cues.yaml"
        assert {cue.value for cue in Cue} - computed == {
            entry["cue"] for entry in yaml.safe_load(source.read_text("utf-8"))["cues"]
        }


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


def test_prompts_name_every_stage_and_emotion() -> None:
    from qiaoban_agent import Stage

    for language in LANGUAGES:
        prompts = Content.shipped(language).prompts
        assert set(prompts.stages) == set(Stage)
        assert set(prompts.emotions) == set(Emotion)
        assert json.dumps(prompts.model_dump(mode="json"))
