from __future__ import annotations

from functools import partial

import pytest

from qiaoban_guards.pii.rules import english_papers, english_plates
from tests.guards.pii.rules.trials import Trial, assert_linear, search

TRIAL = Trial("cards", "identity", "vehicles", "english_numbers")
found, found_and_marked = TRIAL.found, TRIAL.found_and_marked


@pytest.mark.parametrize(
    "marked",
    [
        "aadhaar is [[identity_number:6034 1187 2290]] papa saved it",
        "my nin is [[identity_number:30491827465]] for the exam people",
        "they want the social security thing, [[identity_number:418-00-6621]]",
        "wah my ic [[identity_number:T1140385K]] so long",
        "hkid [[identity_number:K402817(3)]] with the bad photo",
        "id book? gogo said [[identity_number:110714 5092 08 4]]",
        "passport? [[passport:518840273]] need more?",
        '"passport number?" "[[passport:Q5518204]]"',
        "my singapore one is [[passport:K5530184M]] for the visa",
        "[[bank_card:5282 0416 7730 1194]] exp 04/29 what else",
        "he says to prove im over 18 so [[bank_card:4716003388210945]]",
    ],
)
def test_numbers_of_papers_and_cards_are_found_where_they_are_said(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "order number 6034 1187 2290 is late",
        "the gift card code is 5282 0416 7730 1194",
        "my library card is 4716003388210945",
        "booking reference QX5518204",
        "flight BA2490 leaves at nine",
        "isbn 9780306406157",
        "the lego set is 75192",
        "population was 418006621 then",
    ],
)
def test_other_numbers_are_no_papers(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "marked",
    [
        "our car is [[licence_plate:LD21 KVX]] and its muddy",
        "school van is [[licence_plate:MH 14 CK 2087]] at seven",
        "white hilux, [[licence_plate:CA 518-440]], behind us",
        "uncles danfo is [[licence_plate:LND 318 XR]]",
        "white kia [[licence_plate:KDC 629M]] thats his",
        "taxi [[licence_plate:SHC 2207 L]] has my bag",
        "[[licence_plate:6TKD311]] is the car that blocks us",
        "a white van [[licence_plate:201-D-5512]] thats my da's",
        "a red polo [[licence_plate:HJM 44 GP]] if i dont text",
    ],
)
def test_plates_are_found_beside_a_vehicle(marked: str) -> None:
    seen, wanted = found_and_marked(marked)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    [
        "his car has a GTX 1080 sticker",
        "number plates here changed to 74 now",
        "we took bus 47A to town",
        "my dads car does 120mph",
        "flight BA 2490 then a taxi",
        "the car is 4 years old",
        "an AK 47 and a truck in the game",
        "i got in at 10 am by car",
    ],
)
def test_models_routes_and_speeds_are_no_plates(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("piece", ["1234 ", "AB12 ", "car A1 ", "123456", "a1", "12-D-", "T123456"])
def test_long_runs_take_time_in_proportion(piece: str) -> None:
    assert_linear(partial(search, (*english_papers.rules(), *english_plates.rules())), piece)
