from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading
from qiaoban_guards.pii.rules.english_topics import rules
from qiaoban_guards.text import normalise
from tests.guards.pii.rules.trials import Trial, assert_linear, search

TRIAL = Trial("english_numbers", "english_places", "english_people")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "dad took a photo of my passport for the visa and it says [[passport:G20418835]] i think",
        "we were at immigration and the man typed mine, its [[passport:LX4471902]] not O",
        "her wechat? no, mine is [[wechat:momo_tea-99]]",
        "grandma has qq, its [[qq:88120456]] but she never looks",
        "i lost my tiktok so follow the new one, its [[account:@paperplane.jo]]",
        "they noted the plate, it was [[licence_plate:SBA 1234 K]] i think",
        "there was a white van [[licence_plate:WX20 ABD]] outside again",
        "we have a keypad now and its [[door_code:8813#]] so no more keys",
        "grandpas safe is old, it opens with [[door_code:12-8-31]]",
        "the wifi changed, its [[password:Orchid4404]] now",
        "so i told him my snapchat password, it was [[password:b1ueberry.9]], and he changed it",
    ],
)
def test_a_value_is_found_behind_the_word_that_points_at_it(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "the keypad on the door is 200 years old",
        "i set my alarm and its 0645 when it rings",
        "we had a keypad in the escape room and its 4071",
        "is tiger99 a strong password",
        "my passport is blue, its 32 pages",
        "booking reference first then the passport, order number A4471902",
        "the wifi is slow, its 20 minutes for one video",
        "we got a new car and its 2019",
        "my wechat is blocked again",
        "is it safe there, its 3000 metres high",
    ],
)
def test_what_is_pointed_at_may_be_no_secret(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "not at home now, they put us in [[address:the Holiday Inn on Park Street, room 31]]",
        "they parked outside [[address:9 Heron Walk]] where i live",
        "everyone at [[school:St Oswin's]] got the day off",
        "ok here: [[name:Ana Sombrero]], [[age:9]], from spain",
        "the form says [[name:Pavla Dvorackova]] is my mum and she signed it",
        "they shut [[workplace:the Ryman shop in Dunfield]] where my dad worked",
        "mum got laid off from [[workplace:Corley Bakery]] in june",
        "i turn [[age:11]] on [[birthday:May 30]] and nobody is coming",
        "put my sister as [[birthday:03.02.2017]] please",
        "i have pics, do u want [[photo:one of me in my costume]]",
        "not even [[name:hamza]] came",
    ],
)
def test_people_and_places_are_found_in_these_constructions(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "mum thinks im at Lauras but i am not",
        "they left it at the station last week",
        "i landed on 12 marvin gardens in monopoly",
        "he has got a picture of me and i want it gone",
        "my dog Rufus Barkington is asleep",
        "the hotel on Park Street has a pool",
        "Kettle Hill is steep",
    ],
)
def test_look_alikes_of_them_are_none(text: str) -> None:
    assert found(text) == []


@given(st.text("its 4071#ab@.-_:, ", max_size=60))
def test_a_value_is_never_found_without_its_topic(text: str) -> None:
    reading = Reading(normalise(text))
    secret = {Kind.DOOR_CODE, Kind.PASSWORD, Kind.PASSPORT, Kind.LICENCE_PLATE}
    assert not [rule.id for rule in rules() if rule.kind in secret and list(rule.find(reading))]


@pytest.mark.parametrize("piece", ["its 12 ", "password its a1", "1-", "is is ", "Ab Cd ", "@a."])
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    assert_linear(partial(search, rules()), piece)
