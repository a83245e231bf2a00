from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.rules.english_read_out import digits_of, rules
from tests.guards.pii.rules.trials import Trial, assert_linear, search

TRIAL = Trial("english_numbers")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    "marked",
    [
        "[[phone:oh seven nine double two, 618, four oh five]] is mums, text her",
        "ring gran on [[phone:0 1 4 8 2 - 9 6 0 3 3 5]] if im late",
        "[[phone:0706 then 555 then 0183]] flash me",
        "call the shop [[phone:2 6 4 1 space 0 0 9 7]] and ask for baba",
        "text [[phone:073-four-four-one-0-2-8-8]] if you see my bike",
        "it's [[phone:plus two five four, seven oh nine, five five five, oh one six six]] ok",
        "my tita has [[phone:+65 9 triple two 70 1 4]]",
        "my NIN [[identity_number:5 2 0 8 1 1 3 4 9 7 6]] came today",
        "press [[door_code:hash 5 5 0 7]] downstairs and wait",
        "the alarm is [[door_code:seven two one nought]] so dont set it off",
        "my ipad is [[password:oh six one eight]] dont tell anna",
    ],
)
def test_a_number_that_is_read_out_is_found_as_what_it_is(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "two four six eight who do we appreciate",
        "lets count one two three four five six seven eight nine ten",
        "the sequence goes 1 1 2 3 5 8 1 3 what is next",
        "pages 4, 8, 15, 16, 23 and 42 for homework",
        "lottery numbers 3 9 4 1 7 2 6",
        "five six seven eight and step and turn",
        "pi is three point one four one five nine two six",
        "the score was 3 2 then 4 1 then 5 0 2",
        "read psalm 1 1 9 1 0 5 2",
        "zero zero zero zero zero zero zero zero",
        "one two one two one two this is a mic test for the song",
    ],
)
def test_counting_lists_and_scores_are_nobodys_number(text: str) -> None:
    assert found(text) == []


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.sampled_from([" ", "-", ", "]))
def test_words_are_read_as_their_digits(digits: list[int], gap: str) -> None:
    assert digits_of(gap.join(WORDS[digit] for digit in digits)) == "".join(map(str, digits))


@pytest.mark.parametrize(("said", "digits"), [("double 4 oh", "440"), ("triple-five 01", "55501")])
def test_doubles_and_triples_count_for_what_follows(said: str, digits: str) -> None:
    assert digits_of(said) == digits


@pytest.mark.parametrize("piece", ["one two ", "0 1 ", "then 4 ", "double ", "12-", "oh,", "o"])
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    assert_linear(partial(search, rules()), piece)
