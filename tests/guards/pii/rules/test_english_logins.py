from __future__ import annotations

from functools import partial

import pytest

from qiaoban_guards.pii.rules import english_codes, english_logins
from tests.guards.pii.rules.trials import Trial, assert_linear, search

TRIAL = Trial("accounts", "secrets", "english_numbers")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "netflix is [[password:Samosa4Life!]] dont say i told u",
        "wifi at ours [[password:ParsnipKing#20]] when u come",
        "the router says [[password:Hub@orla-882]] and it wont go",
        "i changed it from [[password:biscuit71]] to [[password:biscuit72]] clever",
        "noah guessed [[password:rexy2015]] and took my pets",
        "[[password:Plum!Plum!8]] thats for my roblox if u want to spin",
        "my login for the chromebook is just [[password:pupil0917]]",
        "i swear its capital [[password:Zebr4forever]]",
        "type [[password:6314]] on the ipad",
        "mums phone opens with [[password:4-9-0-2]]",
        "my phone pattern is gone, its [[password:660418]] now",
        "my school login is [[account:24tfarrow]] / [[password:Lamp-Otter-6]]",
    ],
)
def test_passwords_are_found_in_other_words(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "is kitten123 a weak password",
        "the wifi is so slow since 2019",
        "my ipad is 2018 and it still works",
        "i got a laptop for 1200 pounds",
        "netflix is boring lately",
        "pin code for delhi is 110001",
        "he guessed 42 and won the raffle",
        "my phone is an iphone14",
        "changed it from blue to green",
        "the wifi is 200mb i think",
        "my new tablet has 8gb",
    ],
)
def test_measures_models_and_questions_are_no_passwords(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "buzz [[door_code:#0732]] at the gate and come up",
        "the code to get in is [[door_code:6628]] just be quiet",
        "my locker combo is [[door_code:24 left 7 right 15]] ok",
        "garage keypad same as always [[door_code:0591#]]",
        "alarm screams unless you do [[door_code:7046 star]] quick",
        "the key box has [[door_code:8-8-0-3]] on it",
        "locker [[door_code:28-9-14]] grab my bag",
        "the buzzer's [[door_code:14#31]] keep pressing",
        "side gate its [[door_code:2468]]",
        "type [[door_code:1652E]] for the back stairs",
    ],
)
def test_codes_are_found_as_they_are_pressed(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "i set my alarm and its 0630 in the morning",
        "my locker is 214",
        "we are at gate 4471 for the plane",
        "in the escape room the safe was 5 left 9 right 2",
        "the lift goes to floor 12 in 40 seconds",
        "garage sale at 1030 am",
        "turn left then 2 right then left",
        "dial *123# to check your balance",
        "the promo code is SAVE2024",
        "the gate was built in 1894",
    ],
)
def test_times_and_numbers_of_the_thing_itself_are_no_codes(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "piece", ["its a1 ", "1-2 ", "is x1!", "left 3 ", "#12", "press 123 ", "a-b"]
)
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    rules = (*english_logins.rules(), *english_codes.rules())
    assert_linear(partial(search, rules), piece)
