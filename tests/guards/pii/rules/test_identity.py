from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.checksums import hong_kong, resident, taiwan
from qiaoban_guards.pii.facts import provinces
from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.numbers import (
    NUMBERS,
    Spelling,
    found,
    han,
    of,
    resident_check,
    spellings,
)


def _resident(province: int, prefecture: int, county: int, born: date, order: int) -> str:
    seventeen = f"{province}{prefecture:02}{county:02}{born:%Y%m%d}{order:03}"
    return seventeen + resident_check(seventeen)


residents = st.builds(
    _resident,
    st.sampled_from(sorted(provinces().codes)),
    st.integers(1, 53),
    st.integers(1, 81),
    st.dates(date(1930, 1, 1), date.today()),
    st.integers(0, 999),
)
splits = st.sampled_from([(), (6, 14), (6, 10, 14), (3, 6, 14), (4, 8, 12, 16)])


def _spaced(number: str, places: tuple[int, ...], separator: str) -> str:
    return separator.join(number[a:b] for a, b in pairwise((0, *places, len(number))))


spaced = st.builds(_spaced, residents, splits, st.sampled_from(" -"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("健保卡上面印H227145081，护理师看的", "H227145081"),
        ("奶奶社保卡110105194912310021去买药", "110105194912310021"),
        ("我的身份证是11010519491231002X", "11010519491231002X"),
        ("１１０１０５１９４９１２３１００２Ｘ", "１１０１０５１９４９１２３１００２Ｘ"),
        ("身份证 110105 19491231 002x 对吗", "110105 19491231 002x"),
        ("他身份证是110105194912310021哦", "110105194912310021"),
        ("身份证号少了一位11010519491231002", "11010519491231002"),
        ("身份证号110105491231002", "110105491231002"),
        ("香港身份證 A123456(3)", "A123456(3)"),
        ("我的身份證號碼係A123456（3）", "A123456（3）"),
        ("香港身份证号A1234563", "A1234563"),
        ("台湾身分证A123456789", "A123456789"),
        ("澳门身份证1234567(8)", "1234567(8)"),
    ],
)
def test_an_identity_number_is_found(text: str, value: str) -> None:
    assert found(text) == of(Kind.IDENTITY_NUMBER, [value])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("护照是E12345678", "E12345678"),
        ("我护照EA1234567丢了", "EA1234567"),
        ("港澳通行证 C12345678", "C12345678"),
        ("台胞证号12345678", "12345678"),
        ("回乡证H12345678", "H12345678"),
        ("护照号是M123456789", "M123456789"),
        ("护照号Ｅ１２３４５６７８", "Ｅ１２３４５６７８"),
    ],
)
def test_a_passport_is_found_where_papers_are_spoken_of(text: str, value: str) -> None:
    assert found(text) == of(Kind.PASSPORT, [value])


@pytest.mark.parametrize(
    "text",
    [
        "条形码6901234567892",
        "书的ISBN是978-7-02-000220-7",
        "坐G1234去北京",
        "航班CA1234567",
        "型号E12345678的玩具",
        "身份证前六位是110105",
        "订单号110105194912310021",
        "123456789012345678",
        "答案是A123456789吗",
        "护照 20240101 到期",
    ],
)
def test_what_only_looks_like_papers_is_none(text: str) -> None:
    assert found(text) == []


@given(han, spaced, spellings, han)
def test_every_right_number_is_found_in_any_spelling(
    before: str, number: str, spell: Spelling, after: str
) -> None:
    value = spell(number)
    assert found(before + value + after) == of(Kind.IDENTITY_NUMBER, [value])


@given(residents, st.integers(1, 9))
def test_a_mistyped_number_is_found_less_surely(number: str, slip: int) -> None:
    wrong = number[:16] + str((int(number[16]) + slip) % 10) + number[17]
    right, mistyped = NUMBERS.finder.find(number), NUMBERS.finder.find(f"身份证{wrong}")
    assert [entity.kind for entity in mistyped] == [Kind.IDENTITY_NUMBER]
    assert mistyped[0].score < right[0].score


@given(residents)
def test_nobody_is_born_tomorrow(number: str) -> None:
    tomorrow = date.today() + timedelta(days=1)
    seventeen = f"{number[:6]}{tomorrow:%Y%m%d}{number[14:17]}"
    kinds = {kind for kind, _ in found(seventeen + resident_check(seventeen))}
    assert Kind.IDENTITY_NUMBER.value not in kinds


@given(residents, st.integers(0, 16), st.integers(1, 9))
def test_the_check_character_notices_every_wrong_digit(number: str, place: int, slip: int) -> None:
    wrong = str((int(number[place]) + slip) % 10)
    assert resident(number)
    assert not resident(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("number", ["A1234563", "G123456A", "AB9876543"])
def test_hong_kong_numbers_are_checked(number: str) -> None:
    right = [hong_kong(number[:-1] + digit) for digit in "0123456789A"]
    assert hong_kong(number)
    assert sum(right) == 1


def test_taiwan_numbers_are_checked() -> None:
    assert taiwan("A123456789")
    assert sum(taiwan(f"A12345678{digit}") for digit in range(10)) == 1
    assert not taiwan("1234567890")
    assert not hong_kong("1234567")
