from __future__ import annotations

from functools import partial

import pytest

from qiaoban_guards.pii.rules import english_handles, english_tags
from tests.guards.pii.rules.trials import Trial, assert_linear, search

TRIAL = Trial("accounts", "english_numbers")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "my insta's [[account:_not.tilda_]] now",
        "mossgoblin is taken so [[account:moss_goblin_9]] then",
        "[[account:velvetnewt]] on insta is me not the copy",
        "she plays under [[account:TheRealPosy88]] but its her cousin",
        "add me [[account:itz_juno_bee]] tt",
        "twitch \u2192 [[account:late_otter]] every friday",
        "someone made a fake page its [[account:hilltop.rats.tea]] on insta",
        "gt is [[account:PieKnight404]] add me after tea",
        "grandpa only has wechat, he is [[wechat:old_pine88]], say hi",
        "clash tag: [[account:#8PQL0VY2]]",
        "brawl stars [[account:#2QQ8LYCV]] join us",
        "riot id [[account:mintyOtter#EUW]] im iron",
        "switch one is [[account:SW-3321-8890-1147]]",
        "pokemon go friend me [[account:5512 0086 4417]]",
        "steam id [[account:76561198000000417]]",
        "genshin? my uid, its [[account:700381945]]",
    ],
)
def test_ids_are_found_by_form_and_by_what_is_said(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "follow the white rabbit",
        "add two cups of flour",
        "i saved it as my_essay_v2.docx",
        "the variable is called max_speed in python",
        "print(my_score) does nothing",
        "<tone_warm> then max_lives=3 and TOP_SCORE",
        "my dad got an iphone15 and a ps5",
        "covid19 was boring",
        "wechat moments are all my aunties",
        "grandma sends red packets on wechat every year",
        "tiktok is down again",
        "hashtag #fyp and #2022goals",
        "the colour is #FF00AA",
        "my friend on insta is my cousin",
        "roblox was so laggy today",
        "the tag on my shirt says #cotton",
        "im level 99 in genshin with 1200 primos",
        "its a well-known follow-up",
        "chapter 4.5 is the best one",
    ],
)
def test_words_things_and_files_are_no_ids(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("piece", ["a_b ", "add me x1 ", "aa.bb-", "@a", "#2PQ", "a#", "1234 567 "])
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    assert_linear(partial(search, (*english_handles.rules(), *english_tags.rules())), piece)
