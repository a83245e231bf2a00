"""A child who mourns and then tells of something else is answered about that."""

from __future__ import annotations

import pytest

from qiaoban_agent import Companion
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Reading
from qiaoban_agent.coaching.tracker import Coaching, Stage, advance
from tests.policies import unannounced

MOURNS = Coaching(
    stage=Stage.ACCEPT,
    emotion=Emotion.GRIEF,
    intensity=2,
    topic="pet_died",
    sure=True,
    named=True,
    cause_known=True,
)


def told(topic: str | None, emotion: Emotion, *cues: Cue, background: bool = False) -> Coaching:
    reading = Reading(
        emotion=emotion, intensity=2, topic=topic, background=background, cues=frozenset(cues)
    )
    return advance(MOURNS, reading, crisis=False, careful=False).coaching


@pytest.mark.parametrize("topic", ["exam_result", "quarrel", "punished"])
def test_another_event_takes_the_place_of_the_loss(topic: str) -> None:
    known = told(topic, Emotion.ANGER, Cue.CAUSE)
    assert (known.emotion, known.topic, known.stage) == (Emotion.ANGER, topic, Stage.NOTICE)


@pytest.mark.parametrize(
    "known",
    [
        told("someone_died", Emotion.SADNESS, Cue.CAUSE),
        told("exam_result", Emotion.GRIEF, Cue.CAUSE),
        told("exam_result", Emotion.NONE),
        told("food", Emotion.ANGER, Cue.CAUSE, background=True),
        told(None, Emotion.SADNESS, Cue.CAUSE),
    ],
    ids=["another loss", "grief about it", "no event", "a place of it", "no topic"],
)
def test_what_belongs_to_the_loss_keeps_it(known: Coaching) -> None:
    assert known.emotion is Emotion.GRIEF or known.topic != "exam_result"
    assert known.stage is not Stage.NOTICE


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (
            ("我家的仓鼠死了", "我给它做了个小棺材", "下午听写错了八个，被老师留下来了"),
            "想起它|记住|埋",
        ),
        (("our dog died", "he had soft ears", "i failed my science quiz today"), "remember|miss"),
    ],
)
def test_no_word_of_mourning_answers_a_mark(course: tuple[str, ...], words: str) -> None:
    companion = Companion(unannounced())
    reply = [companion.reply(message, session="one") for message in course][-1]
    assert reply.emotion is not Emotion.GRIEF
    assert not any(word in reply.text for word in words.split("|"))
