"""The coaching tracker: from any sequence of messages only legal moves, and never stuck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Reading
from qiaoban_agent.coaching.tracker import (
    CONCERN,
    DANGER,
    TRANSITIONS,
    TURNS_ROUND,
    Coaching,
    Move,
    Situation,
    Stage,
    Transition,
    advance,
    answered,
    is_new_event,
)

HEARD = frozenset({CoachingAct.LABEL, CoachingAct.ACCEPT})
"""What a companion says that does its part."""
SUGGESTS = HEARD | {CoachingAct.ADVICE}
NOTHING = frozenset[CoachingAct]()
STAGES = frozenset(Stage) - {Stage.CRISIS}


class Step(NamedTuple):
    """A message of the child, what the guards made of it, and what was said to it."""

    reading: Reading
    crisis: bool
    careful: bool
    said: frozenset[CoachingAct]


class Taken(NamedTuple):
    """A step with the state before and the move."""

    before: Coaching
    step: Step
    move: Move

    @property
    def after(self) -> Coaching:
        return self.move.coaching

    @property
    def here(self) -> Stage:
        """The stage the move is made from: a crisis that is over gives way to what it held."""
        return self.before.resume if self.before.stage is Stage.CRISIS else self.before.stage


def reading(  # noqa: PLR0917 - one argument for each strategy
    emotion: Emotion,
    intensity: int,
    said: bool,
    sure: bool,
    confidence: float,
    topic: str | None,
    cues: Set[Cue],
) -> Reading:
    felt = emotion is not Emotion.NONE
    return Reading(
        emotion=emotion,
        intensity=intensity if felt else 0,
        said=felt and said,
        sure=sure or (felt and said),
        confidence=confidence,
        topic=topic,
        cues=frozenset(cues),
    )


cue_sets = st.sets(
    st.one_of(st.sampled_from(Cue), st.sampled_from([Cue.CAUSE, Cue.CONFIRMATION])), max_size=3
)
readings = st.builds(
    reading,
    st.one_of(st.just(Emotion.NONE), st.sampled_from(Emotion)),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.4, 0.7, 0.9]),
    st.sampled_from([None, "exam", "friend"]),
    cue_sets,
)
answers = st.one_of(st.just(HEARD), st.frozensets(st.sampled_from(CoachingAct), max_size=3))
rarely = st.sampled_from([False, False, False, True])
steps = st.builds(Step, readings, rarely, rarely, answers)
turns = st.lists(steps, max_size=16)
safe_turns = st.lists(
    st.builds(Step, readings, st.just(False), st.just(False), answers), max_size=16
)


def taken(course: list[Step], coaching: Coaching | None = None) -> Iterator[Taken]:
    """The moves of a conversation."""
    before = coaching or Coaching()
    for step in course:
        move = advance(before, step.reading, crisis=step.crisis, careful=step.careful)
        yield Taken(before, step, move)
        before = answered(move.coaching, step.said)


def state_after(course: list[Step]) -> Coaching:
    coaching = Coaching()
    for one in taken(course):
        coaching = answered(one.after, one.step.said)
    return coaching


def felt(
    emotion: Emotion,
    *cues: Cue,
    intensity: int = 2,
    topic: str | None = None,
    said: bool = True,
    sure: bool = True,
    confidence: float = 0.9,
) -> Reading:
    return reading(emotion, intensity, said, sure, confidence, topic, set(cues))


def sad(*cues: Cue, intensity: int = 2, said: bool = True) -> Reading:
    return felt(Emotion.SADNESS, *cues, intensity=intensity, said=said)


def plain(*cues: Cue) -> Reading:
    return Reading(cues=frozenset(cues))


def calm(message: Reading, said: frozenset[CoachingAct] = HEARD) -> Step:
    return Step(message, crisis=False, careful=False, said=said)


def walk(*messages: Reading, said: frozenset[CoachingAct] = HEARD) -> list[Stage]:
    return [one.after.stage for one in taken([calm(message, said) for message in messages])]


def reason(*messages: Reading, said: frozenset[CoachingAct] = HEARD) -> str:
    """Why the last move of a conversation was made."""
    return [one.move.reason for one in taken([calm(message, said) for message in messages])][-1]


def first_applicable(one: Taken) -> Transition:
    """The entry of the table that decides a step, found from what is known after the message."""
    message, after = one.step.reading, one.after
    if message.emotion is Emotion.GRATITUDE and Cue.THANKS in message.cues:
        message = message.model_copy(update={"emotion": Emotion.NONE})
    turned_down = 0
    if not is_new_event(one.before, message):
        turns_down = one.before.suggested and message.cues & {Cue.RESISTANCE, Cue.TRIED}
        turned_down = one.before.turned_down + bool(turns_down)
    known = after.model_copy(
        update={
            "stage": one.here,
            "turns_understanding": after.turns_understanding - (after.stage is Stage.UNDERSTAND),
            "turned_down": turned_down,
        }
    )
    before = one.before
    if before.stage is Stage.CRISIS:  # turns in crisis are no turns of the stage it broke off
        before = before.model_copy(update={"stage": one.here, "turns_in_stage": 0})
    situation = Situation(before, known, message)
    return next(t for t in TRANSITIONS if one.here in t.since and t.when(situation))


# ---- the table -------------------------------------------------------------------------


@given(turns)
@settings(max_examples=200)
def test_exactly_the_first_transition_that_applies_is_taken(course: list[Step]) -> None:
    pairs = {(since, t.to, t.reason) for t in TRANSITIONS for since in t.since}
    for one in taken(course):
        move, stage = one.move, one.after.stage
        if one.step.crisis:
            assert (stage, move.reason) == (Stage.CRISIS, DANGER)
            continue
        first = first_applicable(one)
        if move.reason == CONCERN:
            assert one.step.careful
            assert stage is Stage.ACCEPT
            assert first.to in {Stage.EXPLORE, Stage.CLOSE, Stage.SAVOUR}
        else:
            assert (one.here, stage, move.reason) in pairs
            assert (stage, move.reason) == (first.to, first.reason)


def test_a_reason_stands_for_one_transition_and_none_leads_into_a_crisis() -> None:
    reasons = Counter(t.reason for t in TRANSITIONS)
    assert [text for text, count in reasons.items() if count > 1] == []
    assert {DANGER, CONCERN}.isdisjoint(reasons)
    assert all(t.since and Stage.CRISIS not in {t.to, *t.since} for t in TRANSITIONS)


@given(
    st.builds(
        Coaching,
        stage=st.sampled_from(Stage),
        resume=st.sampled_from(sorted(STAGES)),
        emotion=st.sampled_from(Emotion),
        intensity=st.integers(0, 3),
        sure=st.booleans(),
        named=st.booleans(),
        cause_known=st.booleans(),
        validated=st.booleans(),
        turns_in_stage=st.integers(0, 9),
        turns_understanding=st.integers(0, 9),
        minimal=st.integers(0, 9),
        turned_down=st.integers(0, 9),
    ),
    readings,
)
def test_every_stage_has_a_last_resort(coaching: Coaching, message: Reading) -> None:
    """Whatever is known, reached or not, and whatever is said, some transition applies."""
    move = advance(coaching, message, crisis=False, careful=False)
    assert move.coaching.stage in STAGES
    last = TRANSITIONS[-1]
    assert last.since == STAGES
    assert last.when(Situation(coaching, coaching, message))


ALPHABET = tuple(
    calm(message, said)
    for message, said in product(
        [
            plain(),
            plain(Cue.CAUSE),
            plain(Cue.CORRECTION),
            plain(Cue.ASKS_ADVICE),
            plain(Cue.TRIED),
            plain(Cue.RESISTANCE),
            plain(Cue.MINIMAL),
            plain(Cue.CLOSURE),
            sad(),
            sad(Cue.NEW_EVENT),
            sad(intensity=3),
            felt(Emotion.SADNESS, said=False, sure=False),
            felt(Emotion.JOY),
        ],
        [NOTHING, HEARD, SUGGESTS],
    )
)


def test_every_transition_can_be_reached() -> None:
    """A search of all conversations of a small alphabet, the shortest first."""
    missing = {t.reason for t in TRANSITIONS}
    known, frontier = {Coaching().model_dump_json()}, [Coaching()]
    while missing and frontier and len(known) < 4_000:
        reached: list[Coaching] = []
        for coaching, step in product(frontier, ALPHABET):
            move = advance(coaching, step.reading, crisis=False, careful=False)
            missing.discard(move.reason)
            after = answered(move.coaching, step.said)
            if (state := after.model_dump_json()) not in known:
                known.add(state)
                reached.append(after)
        frontier = reached
    assert missing == set()


@given(turns)
def test_the_state_stays_small(course: list[Step]) -> None:
    assert len(state_after(course * 3).model_dump_json()) < 400


# ---- the gate --------------------------------------------------------------------------


@given(turns)
@settings(max_examples=200)
def test_explore_never_opens_before_its_gate_except_on_request(course: list[Step]) -> None:
    """Named, cause known, and accepted in words since the feeling last grew."""
    accepted = False
    for one in taken(course):
        before, after, message = one.before, one.after, one.step.reading
        grew = after.intensity > before.intensity > 0
        if is_new_event(before, message) or grew or Cue.WORSE in message.cues:
            accepted = False
        if after.stage is Stage.EXPLORE and Cue.ASKS_ADVICE not in message.cues:
            resumed = before.stage is Stage.CRISIS and before.resume is Stage.EXPLORE
            assert resumed or accepted
            assert resumed or (after.named and after.cause_known and after.gate_open)
            assert after.emotion is not Emotion.NONE
        accepted = accepted or CoachingAct.ACCEPT in one.step.said


@given(safe_turns)
def test_what_was_not_said_does_not_open_the_gate(course: list[Step]) -> None:
    """Where the companion never accepts, only a child that asks for advice gets to explore."""
    mute = [step._replace(said=step.said - {CoachingAct.ACCEPT}) for step in course]
    for one in taken(mute):
        assert not one.after.validated
        if one.after.stage is Stage.EXPLORE:
            assert Cue.ASKS_ADVICE in one.step.reading.cues


@given(turns, st.frozensets(st.sampled_from(CoachingAct)))
def test_only_what_was_said_counts_as_said(
    course: list[Step], acts: frozenset[CoachingAct]
) -> None:
    before = state_after(course)
    after = answered(before, acts)
    assert after.named is (before.named or CoachingAct.LABEL in acts)
    assert after.validated is (before.validated or CoachingAct.ACCEPT in acts)
    assert after.limited is (before.limited or CoachingAct.LIMIT in acts)
    assert after.suggested is (CoachingAct.ADVICE in acts)
    told = {"named", "validated", "limited", "suggested"}
    assert after.model_dump(exclude=told) == before.model_dump(exclude=told)


def test_advice_asked_for_early_is_given_once_and_the_feeling_comes_back() -> None:
    assert walk(sad(Cue.ASKS_ADVICE), plain(), said=NOTHING) == [Stage.EXPLORE, Stage.ACCEPT]


# ---- crisis and concern ----------------------------------------------------------------


@given(turns, st.lists(readings, min_size=1, max_size=4), readings)
def test_a_crisis_pre_empts_holds_and_resumes(
    course: list[Step], during: list[Reading], then: Reading
) -> None:
    before = state_after(course)
    held = before.resume if before.stage is Stage.CRISIS else before.stage
    coaching = before
    for message in during:
        coaching = advance(coaching, message, crisis=True, careful=False).coaching
        assert coaching.stage is Stage.CRISIS
        assert coaching.resume is held
    after = Taken(coaching, calm(then), advance(coaching, then, crisis=False, careful=False))
    assert after.here is held
    if coaching.stage is Stage.CRISIS:  # turns in crisis are no turns of the stage it broke off
        fresh = coaching.model_copy(update={"turns_in_stage": 0})
        after = Taken(fresh, calm(then), after.move)
    assert after.move.reason == first_applicable(after).reason
    assert after.after.stage is not Stage.CRISIS


@given(turns, readings)
def test_a_concern_keeps_solving_closing_and_savouring_out(
    course: list[Step], message: Reading
) -> None:
    before = state_after(course)
    careful = advance(before, message, crisis=False, careful=True)
    free = advance(before, message, crisis=False, careful=False)
    barred = {Stage.EXPLORE, Stage.CLOSE, Stage.SAVOUR}
    if free.coaching.stage in barred:
        assert (careful.coaching.stage, careful.reason) == (Stage.ACCEPT, CONCERN)
    else:
        assert careful == free


def test_a_crisis_over_goes_on_where_it_was() -> None:
    course = [calm(sad(Cue.CAUSE)), calm(plain())]
    danger = Step(plain(), crisis=True, careful=False, said=NOTHING)
    stages = [one.after.stage for one in taken([*course, danger, danger, calm(plain())])]
    assert stages == [
        Stage.NOTICE,
        Stage.ACCEPT,
        Stage.CRISIS,
        Stage.CRISIS,
        Stage.EXPLORE,
    ]


# ---- never stuck -----------------------------------------------------------------------


@given(turns)
@settings(max_examples=150)
def test_the_tracker_is_never_stuck(course: list[Step]) -> None:
    """From anywhere a child who tells its trouble and goes along gets to explore and to close."""
    telling = [sad(Cue.NEW_EVENT, Cue.CAUSE), *[plain(Cue.CONFIRMATION)] * 11]
    stages = [
        one.after.stage for one in taken([calm(said) for said in telling], state_after(course))
    ]
    assert Stage.CLOSE in stages[stages.index(Stage.EXPLORE) :]
    assert stages[0] is Stage.NOTICE
    assert Stage.ACCEPT in stages


@given(safe_turns, answers, st.sampled_from([e for e in Emotion if e.valence == "negative"]))
def test_a_child_who_says_next_to_nothing_gets_a_choice_and_is_let_go(
    course: list[Step], said: frozenset[CoachingAct], trouble: Emotion
) -> None:
    """From the second 嗯 on a choice is offered, at the fourth the talk is let go, and stays so."""
    told = [*course, calm(felt(trouble, Cue.NEW_EVENT), said)]
    shrugs = [calm(plain(Cue.MINIMAL), said)] * 6
    course_after = list(taken(shrugs, state_after(told)))
    for number, one in enumerate(course_after, start=1):
        closed = one.after.stage is Stage.CLOSE
        assert one.after.wants_a_choice is (number >= 2 and not closed)
        assert closed or number < 4


@given(safe_turns)
def test_a_word_more_than_a_shrug_starts_the_count_again(course: list[Step]) -> None:
    shrugged = state_after([*course, *[calm(plain(Cue.MINIMAL))] * 3])
    spoken = advance(shrugged, plain(Cue.CAUSE), crisis=False, careful=False).coaching
    assert spoken.minimal == 0
    assert not spoken.wants_a_choice


@given(safe_turns)
@settings(max_examples=200)
def test_no_more_than_four_turns_are_spent_understanding_one_event(course: list[Step]) -> None:
    """Unless the child says itself that it was understood wrongly."""
    spent = 0
    for one in taken(course):
        if is_new_event(one.before, one.step.reading) or one.here is Stage.NOTICE:
            spent = 0
        asked_back = {"the feeling was named wrongly", "two suggestions were turned down"}
        spent += one.after.stage is Stage.UNDERSTAND and one.move.reason not in asked_back
        assert spent <= 4


# ---- good feelings ---------------------------------------------------------------------


@given(turns)
@settings(max_examples=200)
def test_good_feelings_are_savoured_and_never_explored_unless_asked(course: list[Step]) -> None:
    for one in taken(course):
        after, message = one.after, one.step.reading
        good = after.sure and after.emotion.valence == "positive"
        if not good or one.step.crisis or Cue.ASKS_ADVICE in message.cues:
            continue
        allowed = {Stage.ACCEPT} if one.step.careful else {Stage.SAVOUR, Stage.CLOSE}
        assert after.stage in allowed


def test_good_news_is_savoured_and_rounded_off() -> None:
    joy = felt(Emotion.JOY)
    assert walk(joy, plain(), plain(Cue.THANKS)) == [Stage.SAVOUR, Stage.SAVOUR, Stage.CLOSE]


FOND = [Emotion.LOVE, Emotion.JOY, Emotion.ADMIRATION, Emotion.CARING, Emotion.DESIRE]


@pytest.mark.parametrize("fond", FOND)
@given(st.floats(0, TURNS_ROUND, exclude_max=True), st.booleans(), st.integers(1, 3))
def test_a_fond_word_about_a_lost_pet_does_not_turn_grief_into_joy(
    fond: Emotion, confidence: float, said: bool, intensity: int
) -> None:
    grief = felt(Emotion.GRIEF, Cue.CAUSE, topic="pet_died")
    word = felt(fond, said=said, intensity=intensity, topic="pet", confidence=confidence)
    last = list(taken([calm(grief), calm(word)]))[-1].after
    assert last.emotion is Emotion.GRIEF
    assert last.topic == "pet_died"
    assert last.stage is Stage.ACCEPT


@pytest.mark.parametrize("fond", FOND)
def test_a_child_who_says_it_is_better_is_not_made_to_start_anew(fond: Emotion) -> None:
    better = felt(fond, Cue.BETTER)
    assert walk(sad(Cue.CAUSE), plain(), better)[-1] is Stage.CLOSE


def test_something_plainly_good_takes_the_place_of_a_trouble() -> None:
    joy = felt(Emotion.JOY, confidence=TURNS_ROUND)
    assert walk(sad(Cue.CAUSE), plain(), joy)[-1] is Stage.SAVOUR


# ---- the way through -------------------------------------------------------------------


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


def test_so_strong_a_feeling_is_stayed_with_for_two_turns() -> None:
    stages = walk(sad(Cue.CAUSE, intensity=3), plain(), plain(), plain())
    assert stages == [Stage.NOTICE, Stage.ACCEPT, Stage.ACCEPT, Stage.EXPLORE]


@pytest.mark.parametrize("cue", [Cue.RESISTANCE, Cue.WORSE])
def test_a_child_who_resists_is_accepted_first(cue: Cue) -> None:
    assert walk(sad(Cue.CAUSE), plain(), plain(), plain(cue))[-2:] == [Stage.EXPLORE, Stage.ACCEPT]


def test_a_new_event_goes_back_to_notice() -> None:
    assert walk(sad(Cue.CAUSE), plain(), plain(), sad(Cue.NEW_EVENT))[-1] is Stage.NOTICE


def test_a_feeling_that_grows_goes_back_to_accept() -> None:
    course = (sad(Cue.CAUSE, intensity=1), plain(), plain(), sad(intensity=3))
    assert walk(*course)[-2:] == [Stage.EXPLORE, Stage.ACCEPT]
    assert reason(*course) == "the feeling grew"


def test_a_corrected_label_goes_back_to_understand_and_has_to_be_named_anew() -> None:
    course = [calm(sad(Cue.CAUSE)), calm(plain()), calm(plain(Cue.CORRECTION))]
    last = list(taken(course))[-1].after
    assert last.stage is Stage.UNDERSTAND
    assert not last.named


def test_two_suggestions_turned_down_go_back_to_understand() -> None:
    asks, no = plain(Cue.ASKS_ADVICE), plain(Cue.TRIED)
    course = (sad(Cue.CAUSE), plain(), asks, no, no)
    assert walk(*course, said=SUGGESTS)[-2:] == [Stage.EXPLORE, Stage.UNDERSTAND]
    assert walk(*course, said=HEARD)[-1] is not Stage.UNDERSTAND


def test_manners_are_no_feeling() -> None:
    thanks = felt(Emotion.GRATITUDE, Cue.THANKS, intensity=1)
    assert walk(sad(Cue.CAUSE), plain(), thanks)[-1] is Stage.CLOSE


def test_a_child_who_was_heard_and_tells_no_cause_is_not_pressed() -> None:
    stages = walk(sad(), *[plain()] * 7)
    assert stages.count(Stage.UNDERSTAND) <= 4
    assert stages[-1] is Stage.CLOSE
    assert Stage.EXPLORE not in stages
