from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rules import english_phones
from tests.guards.pii.rules.trials import Trial, assert_linear

TRIAL = Trial("english_numbers")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "you can ring me on [[phone:07911 123456]] after tea",
        "my cell: [[phone:(206) 555-0183]]",
        "call [[phone:206.555.0183 ext 4]]",
        "text me [[phone:2065550183]] k?",
        "home phone is [[phone:555-0148]]",
        "[[phone:1-206-555-0183]] is dads work phone",
        "grandma lives in leeds, her number is [[phone:0113 496 0782]]",
        "mobile [[phone:0412 345 678]]",
        "aunty in sydney: [[phone:(02) 9876 5432]]",
        "my nz number is [[phone:021 555 0199]]",
        "dad's irish phone [[phone:087 123 4567]]",
        "my mum's phone number is [[phone:9123 4567]], we're in hong kong",
        "[[phone:+852 9123 4567]]",
        "ring [[phone:+44 (0)20 7946 0018]] and ask for mum",
        "whatsapp me [[phone:+65 8123 4567]]!",
        "我妈电话[[phone:+1 (206) 555-0183]]哦",
        "i said [[phone:five five five oh one eight three two zero nine]]",
        "my phone is [[phone:oh seven seven double oh nine oh oh one two three]]",
        "[[phone:２０６－５５５－０１８３]] pls call",
    ],
)
def test_phone_numbers_of_english_speakers_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "call 911 or 999 or 112",
        "childline is 0800 1111",
        "our head says ring Childline, 0800 1111",
        "the samaritans number is 116 123",
        "the lifeline is 1-800-273-8255",
        "kids help phone 1-800-668-6868 is free",
        "my order number is 206-555-0183",
        "tracking 2065550183 says friday",
        "one two three four five six seven eight nine ten",
        "ten nine eight seven six five four three two one zero",
        "i scored 555-0148 points",
        "206 + 555 = 761",
        "pi is 3.14159265358979",
        "the isbn is 978-0-7475-3269-9",
        "2014-05-03 was a saturday",
        "it costs $1,234,567",
        "in my story the detective's phone number is 206-555-0183",
        "my ip is 192.168.100.1001",
        "population 2065550183",
        "1600 1200 800 600",
    ],
)
def test_what_looks_like_a_phone_number_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "mom says my ssn is [[identity_number:219-09-9999]]",
        "social security number: [[identity_number:219099999]]",
        "it says [[identity_number:219 09 9999]] on the card",
        "my NI number is [[identity_number:AB123456C]]",
        "NHS number [[identity_number:943 476 5919]]",
        "passport number is [[passport:533401298]]",
        "dad's passport is [[passport:C01234567]]",
        "our license plate is [[licence_plate:7ABC123]]",
        "the number plate says [[licence_plate:AB12 CDE]]",
        "mums car reg is [[licence_plate:YK68 FTX]]",
    ],
)
def test_numbers_of_papers_and_plates_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "666-12-3456 is no such number",
        "000-12-3456",
        "order 219-09-9999",
        "passport control took 45 minutes",
        "our plate was full of food",
        "my passport expires in 2027",
        "social studies is boring",
        "the bus is number 42",
    ],
)
def test_what_looks_like_a_paper_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "my password is [[password:fluffy123]]",
        "pw: [[password:Tr0ub4dor&3]]",
        "the wifi is [[password:Sunflower2020]]",
        "wifi password is [[password:happydays88]], dont tell",
        "the wi-fi password for our house is [[password:BlueWhale_9]]",
        'password = "[[password:open sesame]]"',
        "my pin is [[password:4821]]",
        "phone code is [[password:135790]]",
        "pass: [[password:qwe123]]",
        "my password is [[password:bananaman]]",
        "his steam password is [[password:noobmaster69]] lol",
        "the code to the front door is [[door_code:4821#]]",
        "door code [[door_code:1357]]",
        "gate code: [[door_code:#0420]]",
        "the alarm code at our house is [[door_code:7788]]",
        "[[door_code:2468]] opens the garage",
        "the safe combination is [[door_code:12-34-56]]",
        "the pin for the lift is [[door_code:9071]]",
        "the key box is [[door_code:3030]]",
        "type [[door_code:C1234]] on the keypad",
    ],
)
def test_secrets_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "my password is really strong",
        "i forgot my password",
        "my password is my birthday",
        "password is too short it says",
        "what is a good password for roblox",
        "the wifi is so slow",
        "the wifi is down",
        "pin the tail on the donkey",
        "i got a pass to leave class",
        "the door code in the escape room was 1234",
        "the gate is 3 meters high",
        "we learned code in class 3000 times",
        "my password is the same as yours",
        "she wont tell me the wifi password",
        "they changed the password to the ipad again",
        "is 12345 a safe password",
    ],
)
def test_talk_of_secrets_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "my snap is [[account:ella_rose.11]]",
        "add me on snap [[account:ella_rose.11]]",
        "snapchat: [[account:jayjay2k12]]",
        "follow me on insta [[account:@lil.potato]]",
        "ig is [[account:mia_draws]]",
        "my discord is [[account:frogking#0042]]",
        "im [[account:frogking_42]] on discord",
        "roblox user [[account:coolkid2014]]",
        "my username is [[account:StarBlaster]]",
        "my roblox username is [[account:sparklecat]]",
        "gamertag [[account:xXDragonXx09]]",
        "my psn is [[account:Kick_Flip77]] add me",
        "uid is [[account:812345678]]",
        "tiktok [[account:@annie.dances]]",
        "fortnite: [[account:NinjaTom_YT]]",
        "add [[account:@noodle.boy]] on insta",
        "zoom meeting id [[account:845 1234 5678]]",
        "my minecraft name is [[account:BlockyBen77]]",
        "its [[email:tom_b at gmail dot com]]",
        "[[email:emily dot carter at outlook dot com]] is mums",
    ],
)
def test_accounts_and_spoken_addresses_are_found(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "my roblox is not working",
        "my snap is broken",
        "i love minecraft because its fun",
        "discord is for 13 and up",
        "add me on snap pls",
        "steam is hot water",
        "i switched from xbox to ps5",
        "roblox has 200 million players",
        "im on level 12 in fortnite",
        "my tiktok is banned",
        "username is taken it says",
        "look at google dot com",
        "snap out of it",
        "the line is 3 cm",
        "whats your username",
        "fortnite season 4 is out",
        "instagram is bad for me",
        "we read page #2014",
        "everyone was at dot's house",
    ],
)
def test_talk_of_platforms_is_none(text: str) -> None:
    assert found(text) == []


@given(
    st.from_regex(r"[2-9][0-8]\d [2-9]\d\d-\d{4}", fullmatch=True).filter(str.isascii),
    st.text("妈的电话呢，好。", max_size=8),
)
def test_a_number_is_found_among_han(number: str, around: str) -> None:
    digits = re.sub(r"\D", "", number)
    entities = TRIAL.finder.find(f"{around}{number}{around}")
    assert english_phones.is_public(digits) != any(
        (e.start, e.end) == (len(around), len(around) + len(number)) for e in entities
    )


@given(st.text(max_size=60))
def test_spans_are_inside_of_any_text(text: str) -> None:
    for entity in TRIAL.finder.find(text):
        assert 0 <= entity.start < entity.end <= len(text)


@pytest.mark.parametrize(
    "run",
    ["1", "1 ", "one ", "a", "a.", "a_", "+1 ", "my password is ", "door code ", "snap ", "a at "],
)
def test_time_grows_with_the_length_alone(run: str) -> None:
    assert_linear(TRIAL.finder.find, run)


def test_numbers_without_the_extra_package_are_found_by_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(english_phones, "_phonenumbers", lambda: None)
    assert found("ring +44 20 7946 0018") == [(Kind.PHONE, "+44 20 7946 0018")]
