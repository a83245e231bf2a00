"""The coaching tracker: from any sequence of messages only legal moves, and never stuck."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Cue, Reading
from qiaoban_agent.coaching.tracker import Coaching, Stage, advance


def reading(
    emotion: Emotion, intensity: int, said: bool, topic: str | None, cues: list[Cue]
) -> Reading:
    felt = emotion is not Emotion.NONE
    return Reading(
        emotion=emotion,
        intensity=intensity if felt else 0,
        said=said,
        topic=topic,
        cues=frozenset(cues),
    )


readings = st.builds(
    reading,
    st.sampled_from(Emotion),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([None, "exam", "friend"]),
    st.lists(st.sampled_from(Cue), max_size=3),
)
turns = st.lists(st.tuples(readings, st.booleans(), st.booleans()), max_size=30)


def sad(*cues: Cue, intensity: int = 2, topic: str | None = None, said: bool = True) -> Reading:
    return Reading(
        emotion=Emotion.SADNESS, intensity=intensity, said=said, topic=topic, cues=frozenset(cues)
    )


def plain(*cues: Cue) -> Reading:
    return Reading(cues=frozenset(cues))


def walk(*messages: Reading) -> list[Stage]:
    coaching, stages = Coaching(), list[Stage]()
    for reading in messages:
        coaching = advance(coaching, reading, crisis=False, careful=False).coaching
        stages.append(coaching.stage)
    return stages


@given(turns)
@settings(max_examples=400)
def test_explore_never_opens_before_its_gate_except_on_request(
    messages: list[tuple[Reading, bool, bool]],
) -> None:
    coaching = Coaching()
    for reading, crisis, careful in messages:
        before = coaching
        coaching = advance(before, reading, crisis=crisis, careful=careful).coaching
        assert not (crisis and coaching.stage is not Stage.CRISIS)
        assert not (careful and not crisis and coaching.stage is Stage.EXPLORE)
        if coaching.stage is Stage.EXPLORE and before.stage is not Stage.EXPLORE:
            resumed = before.stage is Stage.CRISIS
            gate = coaching.emotion is not Emotion.NONE and coaching.cause_known
            assert resumed or Cue.ASKS_ADVICE in reading.cues or (gate and before.validated)


@given(turns)
def test_every_move_has_a_reason_and_the_state_stays_small(
    messages: list[tuple[Reading, bool, bool]],
) -> None:
    coaching = Coaching()
    for reading, crisis, careful in messages:
        move = advance(coaching, reading, crisis=crisis, careful=careful)
        assert move.reason
        coaching = move.coaching
        assert len(coaching.model_dump_json()) < 400


@given(turns)
def test_the_tracker_is_never_stuck(messages: list[tuple[Reading, bool, bool]]) -> None:
    """From anywhere a child who tells its trouble and goes along gets to explore and to close."""
    coaching = Coaching()
    for reading, crisis, careful in messages:
        coaching = advance(coaching, reading, crisis=crisis, careful=careful).coaching
    seen = set[Stage]()
    for reading in [sad(Cue.NEW_EVENT, Cue.CAUSE), *[plain(Cue.CONFIRMATION)] * 10]:
        coaching = advance(coaching, reading, crisis=False, careful=False).coaching
        seen.add(coaching.stage)
    assert {Stage.NOTICE, Stage.ACCEPT, Stage.EXPLORE, Stage.CLOSE} <= seen


def test_the_way_of_a_child_who_goes_along() -> None:
    assert walk(sad(), plain(Cue.CAUSE), plain(Cue.CONFIRMATION), plain(), plain(Cue.CLOSURE)) == [
        Stage.NOTICE,
        Stage.ACCEPT,
        Stage.EXPLORE,
        Stage.EXPLORE,
        Stage.CLOSE,
    ]


def test_a_cause_that_is_not_told_is_asked_for() -> None:
    assert walk(sad(), plain())[-1] is Stage.UNDERSTAND


@pytest.mark.parametrize("cue", [Cue.RESISTANCE, Cue.WORSE])
def test_a_child_who_resists_is_accepted_first(cue: Cue) -> None:
    assert walk(sad(Cue.CAUSE), plain(), plain(), plain(cue))[-2:] == [Stage.EXPLORE, Stage.ACCEPT]


def test_a_new_event_goes_back_to_notice() -> None:
    assert walk(sad(Cue.CAUSE), plain(), plain(), sad(Cue.NEW_EVENT))[-1] is Stage.NOTICE


def test_a_feeling_that_grows_goes_back_to_accept() -> None:
    stages = walk(sad(Cue.CAUSE, intensity=1), plain(), plain(), sad(intensity=3))
    assert stages[-2:] == [Stage.EXPLORE, Stage.ACCEPT]


def test_a_corrected_label_goes_back_to_understand() -> None:
    assert walk(sad(Cue.CAUSE), plain(), plain(Cue.CORRECTION))[-1] is Stage.UNDERSTAND


def test_two_suggestions_turned_down_go_back_to_understand() -> None:
    asks, no = plain(Cue.ASKS_ADVICE), plain(Cue.TRIED)
    stages = walk(sad(Cue.CAUSE), plain(), asks, no, no)
    assert stages[-1] is Stage.UNDERSTAND


def test_good_news_is_savoured_and_rounded_off() -> None:
    joy = Reading(emotion=Emotion.JOY, intensity=2, said=True)
    assert walk(joy, plain(), plain(Cue.THANKS)) == [Stage.SAVOUR, Stage.SAVOUR, Stage.CLOSE]


def test_manners_are_no_feeling() -> None:
    thanks = Reading(
        emotion=Emotion.GRATITUDE, intensity=1, said=True, cues=frozenset({Cue.THANKS})
    )
    assert walk(sad(Cue.CAUSE), plain(), thanks)[-1] is Stage.CLOSE


def test_a_crisis_pre_empts_and_resumes() -> None:
    coaching = Coaching()
    for reading in (sad(Cue.CAUSE), plain()):
        coaching = advance(coaching, reading, crisis=False, careful=False).coaching
    assert coaching.stage is Stage.ACCEPT
    for _ in range(3):
        coaching = advance(coaching, plain(), crisis=True, careful=False).coaching
        assert coaching.stage is Stage.CRISIS
    coaching = advance(coaching, plain(), crisis=False, careful=False).coaching
    assert coaching.stage is Stage.EXPLORE
