from __future__ import annotations

from functools import partial

import pytest

from qiaoban_guards.pii.rules.english_mails import rules
from tests.guards.pii.rules.trials import Trial, assert_linear, search

TRIAL = Trial("web", "english_numbers")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "dads is [[email:m dash farrow at outlook dot com]] for the trip",
        "[[email:lena (dot) quill @ yahoo.in]] send it there",
        "my brother has [[email:big_tomo(at)rediffmail.com]]",
        "[[email:pia dot moor at pupil dot hillcrest dot edu]] they read it",
        "its [[email:otter underscore 77 at gmail dot com]]",
        "my [[url:paperboats.tumblr.com]] has poems",
    ],
)
def test_spoken_addresses_are_found_whole(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "meet me at the dot on the map",
        "i drew a dot at the end of the dash",
        "we looked at morse, dot dash dot",
        "she is good at maths. com on",
    ],
)
def test_dots_and_at_in_a_sentence_are_no_address(text: str) -> None:
    assert found(text) == []


def test_poems_at_a_site_are_at_the_site() -> None:
    text = "i put drawings at midnightotters.tumblr.com"
    assert found(text) == [("url", "midnightotters.tumblr.com")]


@pytest.mark.parametrize("piece", ["a dot ", "a_", "dot at ", "a@ ", "a dash b at c dot "])
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    assert_linear(partial(search, rules()), piece)
