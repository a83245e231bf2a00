"""Putting a reply together: which acts, and which lines with whose words."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.compose import Choice, Place, Plan, Wording, plan
from qiaoban_agent.coaching.content import COACHING_ACTS, Act, Content
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.memory import AGE_BANDS
from qiaoban_agent.coaching.own_words import SLOTS
from qiaoban_agent.coaching.reading import Reading
from qiaoban_agent.coaching.tracker import (
    MINIMAL_BEFORE_A_CHOICE,
    Coaching,
    Stage,
    advance,
    answered,
)
from qiaoban_guards.policy.schema import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")
OWN: Mapping[Language, Mapping[str, str]] = {
    "zh": {"cause": "同桌把你的笔弄断了", "person": "妈妈", "thing": "作业", "feeling": "难过"},
    "en": {
        "cause": "your friend broke your pen",
        "person": "your mum",
        "thing": "the test",
        "feeling": "sad",
    },
}
QUESTIONS = frozenset({act for act in Act if act.startswith("ask_")} | {Act.EXPLORE, Act.CHOICE})
NEGATIVE = [emotion for emotion in Emotion if emotion.valence == "negative"]
TOPICS = [None, "exam", "pet_died", "quarrel"]

languages = st.sampled_from(LANGUAGES)
slots = st.frozensets(st.sampled_from(SLOTS))
cue_sets = st.frozensets(st.sampled_from(Cue), max_size=3)
readings = st.builds(
    Reading,
    emotion=st.sampled_from(Emotion),
    intensity=st.integers(1, 3),
    said=st.booleans(),
    sure=st.booleans(),
    topic=st.sampled_from(TOPICS),
    cues=cue_sets,
)
coachings = st.builds(
    Coaching,
    stage=st.sampled_from(Stage),
    emotion=st.sampled_from(Emotion),
    sure=st.booleans(),
    topic=st.sampled_from(TOPICS),
    cause_known=st.booleans(),
    validated=st.booleans(),
    limited=st.booleans(),
    turns_in_stage=st.integers(0, 6),
    minimal=st.integers(0, 5),
)


@st.composite
def places(draw: st.DrawFn) -> Place:
    language = draw(languages)
    own = {slot: OWN[language][slot] for slot in draw(slots)}
    return Place(
        act=draw(st.sampled_from(Act)),
        emotion=draw(st.sampled_from(Emotion)),
        sure=draw(st.booleans()),
        topic=draw(st.sampled_from(TOPICS)),
        age=draw(st.sampled_from(AGE_BANDS)),
        own=own,
        fresh=draw(st.frozensets(st.sampled_from(SLOTS))) & own.keys(),
        language=language,
    )


def ranking(place: Place, used: Mapping[int, int] | None = None) -> list[Choice]:
    content = Content.shipped(place.language)
    return list(Wording(used or {}, "seed", 9).fitting(content, place))


def place_for(act: Act, emotion: Emotion, *slots_filled: str, language: Language = "zh") -> Place:
    own = {slot: OWN[language][slot] for slot in slots_filled}
    return Place(act, emotion, True, None, "9-12", own, own.keys(), language)


# ---- lines -----------------------------------------------------------------------------


@given(places(), st.integers(1, 40))
@settings(deadline=None)  # the first example reads the files
def test_no_line_is_said_twice_while_another_fits(place: Place, turns: int) -> None:
    content = Content.shipped(place.language)
    used: dict[int, int] = {}
    fitting = {choice.line.id for choice in ranking(place)}
    for turn in range(1, turns + 1):
        wording = Wording(used, "seed", turn)
        choice = next(wording.fitting(content, place), None)
        assert (choice is None) is (not fitting)
        if choice is None:
            return
        assert choice.line.id not in used or fitting <= used.keys()
        if choice.line.id in used:
            assert used[choice.line.id] == min(used[identity] for identity in fitting)
        wording.say(choice.line.id)
        used |= wording.said_now


@given(places())
@settings(deadline=None)
def test_a_line_said_in_this_turn_goes_behind_all_others(place: Place) -> None:
    content, wording = Content.shipped(place.language), Wording({}, "seed", 3)
    before = [choice.line.id for choice in wording.fitting(content, place)]
    assume(len(before) > 1)
    wording.say(before[0])
    after = [choice.line.id for choice in wording.fitting(content, place)]
    assert after == [*before[1:], before[0]]


@given(places())
@settings(deadline=None)
def test_a_line_with_a_slot_is_never_said_without_the_words(place: Place) -> None:
    for line, text in ranking(place):
        assert line.slots <= place.own.keys()
        assert not re.search(r"[{}]", text)
        for slot in line.slots:
            assert place.own[slot].lower() in text.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_without_a_slot_are_there_for_a_child_of_few_words(language: Language) -> None:
    for act in (Act.NOTICE, Act.UNDERSTAND, Act.ACCEPT, Act.ASK_MORE, Act.ASK_CAUSE, Act.SUGGEST):
        for emotion in NEGATIVE:
            assert ranking(place_for(act, emotion, language=language))


def test_an_english_line_that_begins_with_the_childs_words_begins_with_a_capital() -> None:
    begun = [
        line.filled(OWN["en"], "en")
        for act in Act
        for line in Content.shipped("en").lines(act)
        if line.text.startswith("{cause}")
    ]
    assert begun
    assert all(text and text.startswith("Your friend broke your pen") for text in begun)


@given(places())
@settings(deadline=None)
def test_among_lines_that_fit_alike_one_with_more_of_the_childs_words_comes_first(
    place: Place,
) -> None:
    content = Content.shipped(place.language)
    fits = content.fitting(place.act, place.emotion, place.topic, place.age, sure=place.sure)
    fit_of = {line.id: fit for fit, line in fits}
    ranked = [choice.line for choice in ranking(place)]
    for place_in_rank, line in enumerate(ranked):
        better = [
            later.text
            for later in ranked[place_in_rank + 1 :]
            if line.slots < later.slots and fit_of[later.id] >= fit_of[line.id]
        ]
        assert better == []


@pytest.fixture(scope="module")
def few_lines(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """The shipped content, but for the act of understanding only lines written here."""
    folder = tmp_path_factory.mktemp("content") / "zh"
    with as_file(files("qiaoban_agent") / "content" / "zh") as shipped:
        shutil.copytree(Path(shipped), folder)
    (folder / "understand.yaml").write_text(
        """
act: understand
lines:
  - when: {}
    say:
      - 这件事我听到了。
      - '{thing}的事我听到了。'
      - '{person}和{thing}的事我听到了。'
      - '{cause}，我听到了。'
      - '{cause}，{person}也在。'
  - when: {topic: exam}
    say: [考试的事我听到了。]
  - when: {emotion: sadness}
    say: [让人伤心的事我听到了。]
""",
        "utf-8",
    )
    return Content(folder)


def first_texts(content: Content, own: Mapping[str, str], fresh: set[str]) -> list[str]:
    place = Place(Act.UNDERSTAND, Emotion.SADNESS, True, "exam", "9-12", own, fresh, "zh")
    return [choice.line.text for choice in Wording({}, "seed", 1).fitting(content, place)]


def test_more_own_words_outrank_fewer_and_fewer_outrank_none(few_lines: Content) -> None:
    assert first_texts(few_lines, OWN["zh"], set(SLOTS)) == [
        "{cause}，{person}也在。",
        "{person}和{thing}的事我听到了。",
        "{cause}，我听到了。",
        "{thing}的事我听到了。",
        "考试的事我听到了。",
        "让人伤心的事我听到了。",
        "这件事我听到了。",
    ]


def test_a_remembered_word_counts_less_than_the_topic(few_lines: Content) -> None:
    thing = {"thing": "作业"}
    fresh = first_texts(few_lines, thing, {"thing"})
    old = first_texts(few_lines, thing, set())
    assert fresh[:2] == ["{thing}的事我听到了。", "考试的事我听到了。"]
    assert old[:2] == ["考试的事我听到了。", "{thing}的事我听到了。"]


@given(places())
@settings(deadline=None)
def test_an_unsure_emotion_gets_no_line_for_that_emotion(place: Place) -> None:
    for choice in ranking(place._replace(sure=False)):
        emotions = choice.line.emotions
        assert not emotions or place.emotion.valence in emotions


@given(places())
@settings(deadline=None)
def test_the_same_session_and_turn_say_the_same(place: Place) -> None:
    assert ranking(place) == ranking(place)


# ---- acts ------------------------------------------------------------------------------


@given(coachings, readings, st.booleans(), places())
@settings(max_examples=150, deadline=None)
def test_a_reply_asks_at_most_one_question(
    coaching: Coaching, reading: Reading, careful: bool, place: Place
) -> None:
    answer = plan(coaching, reading, careful=careful)
    assert any(answer)
    assert answer.statement not in QUESTIONS
    assert answer.question is None or answer.question in QUESTIONS
    texts = [
        next((choice.text for choice in ranking(place._replace(act=act))), "")
        for act in answer
        if act is not None
    ]
    assert len(re.findall("[?？]+", "".join(texts))) <= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_statement_that_a_question_may_follow_never_asks(language: Language) -> None:
    followed = {
        answer.statement
        for stage in Stage
        for emotion in Emotion
        for cue in Cue
        for known in (False, True)
        if (
            answer := plan(
                Coaching(stage=stage, emotion=emotion, sure=known, cause_known=known),
                Reading(cues=frozenset({cue})),
                careful=False,
            )
        ).question
        and answer.statement
    }
    assert {Act.NOTICE, Act.UNDERSTAND, Act.ACCEPT, Act.SAVOUR, Act.CHAT} <= followed
    for act in followed:
        for line in Content.shipped(language).lines(act):
            assert not re.search("[?？]", line.text), line.text


@given(coachings, readings)
def test_in_a_crisis_or_with_a_concern_only_one_statement_is_made(
    coaching: Coaching, reading: Reading
) -> None:
    in_crisis = coaching.model_copy(update={"stage": Stage.CRISIS})
    heard = {Plan(Act.ACCEPT), Plan(Act.UNDERSTAND)}
    assert plan(in_crisis, reading, careful=False) in heard
    asked = {Act.NOT_YOUR_FAULT, Act.IS_PRIVATE, Act.APOLOGY, Act.BEFRIEND, Act.FAREWELL}
    assert plan(coaching, reading, careful=True) in heard | {Plan(act) for act in asked}


@given(coachings, readings)
def test_a_suggestion_is_only_made_where_solutions_are_looked_for(
    coaching: Coaching, reading: Reading
) -> None:
    answer = plan(coaching, reading, careful=False)
    if answer.statement is Act.SUGGEST:
        assert coaching.stage is Stage.EXPLORE
        assert coaching.validated


@pytest.mark.parametrize("emotion", [e for e in Emotion if e is not Emotion.NONE])
def test_an_unsure_emotion_is_asked_for_and_not_named(emotion: Emotion) -> None:
    unsure = Coaching(stage=Stage.NOTICE, emotion=emotion, sure=False)
    sure = unsure.model_copy(update={"sure": True})
    answer = plan(unsure, Reading(emotion=emotion, sure=False), careful=False)
    assert answer.question is Act.ASK_FEELING
    assert answer.statement is not Act.NOTICE
    assert plan(sure, Reading(emotion=emotion), careful=False).statement is Act.NOTICE


@given(st.sampled_from(NEGATIVE), st.lists(st.booleans(), min_size=2, max_size=6))
def test_a_limit_is_set_once_an_event(emotion: Emotion, misdeeds: list[bool]) -> None:
    coaching, limits = Coaching(), 0
    for misdeed in misdeeds:
        cues = {Cue.MISDEED, Cue.CAUSE} if misdeed else {Cue.CAUSE}
        reading = Reading(emotion=emotion, intensity=2, said=True, cues=frozenset(cues))
        coaching = advance(coaching, reading, crisis=False, careful=False).coaching
        answer = plan(coaching, reading, careful=False)
        limits += answer.statement is Act.LIMIT
        does = {COACHING_ACTS[act] for act in answer if act and act in COACHING_ACTS}
        assert (CoachingAct.LIMIT in does) is (answer.statement is Act.LIMIT)
        coaching = answered(coaching, does)
    assert limits == any(misdeeds)


def test_another_event_may_have_its_own_limit() -> None:
    hit = Reading(emotion=Emotion.ANGER, intensity=2, cues=frozenset({Cue.MISDEED, Cue.NEW_EVENT}))
    coaching = Coaching()
    for _ in range(2):
        coaching = advance(coaching, hit, crisis=False, careful=False).coaching
        assert plan(coaching, hit, careful=False) == Plan(Act.LIMIT, Act.ASK_MORE)
        coaching = answered(coaching, {CoachingAct.LIMIT})


@pytest.mark.parametrize("emotion", [e for e in Emotion if e.valence == "positive"])
def test_no_limit_is_set_to_a_good_feeling(emotion: Emotion) -> None:
    coaching = Coaching(stage=Stage.SAVOUR, emotion=emotion, sure=True)
    reading = Reading(emotion=emotion, cues=frozenset({Cue.MISDEED}))
    assert plan(coaching, reading, careful=False).statement is not Act.LIMIT


@given(coachings)
def test_a_child_of_few_words_is_offered_a_choice_once_and_then_let_go(coaching: Coaching) -> None:
    assume(coaching.stage is not Stage.CRISIS)
    answer = plan(coaching, Reading(cues=frozenset({Cue.MINIMAL})), careful=False)
    if coaching.minimal > MINIMAL_BEFORE_A_CHOICE:
        assert answer == Plan(Act.LET_GO)
    elif coaching.wants_a_choice:
        assert answer == Plan(None, Act.CHOICE)
    else:
        assert Act.LET_GO not in answer
        assert Act.CHOICE not in answer


@given(coachings)
def test_a_child_that_will_not_talk_is_asked_no_more(coaching: Coaching) -> None:
    assume(coaching.stage is not Stage.CRISIS)
    declines = Reading(cues=frozenset({Cue.DECLINES}))
    assert plan(coaching, declines, careful=False) == Plan(Act.LET_GO)


@pytest.mark.parametrize(
    ("cue", "act"),
    [
        (Cue.SILENCE, Act.SILENCE),
        (Cue.LOVE_ME, Act.LOVE_ME),
        (Cue.STAY, Act.STAY),
        (Cue.ARE_YOU_HUMAN, Act.ARE_YOU_HUMAN),
        (Cue.JOKE_PLEASE, Act.JOKE),
        (Cue.TASK, Act.TASK),
        (Cue.KNOWLEDGE, Act.KNOWLEDGE),
        (Cue.INSULT, Act.INSULT),
        (Cue.FAREWELL, Act.FAREWELL),
        (Cue.GREETING, Act.GREETING),
    ],
)
def test_what_is_no_trouble_is_answered_as_it_stands(cue: Cue, act: Act) -> None:
    message = Reading(cues=frozenset({cue}))
    assert plan(Coaching(), message, careful=False).statement is act
    if cue not in (Cue.LOVE_ME, Cue.STAY, Cue.FAREWELL):
        sad = message.model_copy(update={"emotion": Emotion.SADNESS})
        coaching = advance(Coaching(), sad, crisis=False, careful=False).coaching
        assert plan(coaching, sad, careful=False).statement is not act
