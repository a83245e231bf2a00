"""Every rule's finds in one message: offsets, overlaps, threads, memory."""

from __future__ import annotations

import gc
import mmap
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.pii.finder import Finder, finder_of, settled
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Entity, Match, Reading, Rule
from qiaoban_guards.pii.rules import all_rules
from qiaoban_guards.text import normalise
from tests.guards.pii.messages import MESSAGES, PARTS, of_phones_and_secrets

STATM = Path("/proc/self/statm")


def values(finder: Finder, message: str) -> list[tuple[Kind, str]]:
    return [(one.kind, message[one.start : one.end]) for one in finder.find(message)]


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("电话13812345678哦", "13812345678"),
        ("電話：１３８ １２３４ ５６７８。", "１３８ １２３４ ５６７８"),
        ("打幺三八幺二三四五六七八", "幺三八幺二三四五六七八"),
        ("ﬁ㎏138\u200b1234\u200b5678", "138\u200b1234\u200b5678"),
        ("我 的 电 话 13812345678", "13812345678"),
    ],
)
def test_offsets_are_those_of_the_original(message: str, value: str) -> None:
    assert values(of_phones_and_secrets(), message) == [(Kind.PHONE, value)]


def test_a_text_that_was_normalised_before_gives_the_same() -> None:
    finder, message = of_phones_and_secrets(), "我妈妈的電話是 １３８12345678"
    assert finder.find(normalise(message)) == finder.find(message)


def test_an_entity_says_its_rule_and_whose_it_is() -> None:
    (found,) = of_phones_and_secrets().find("我在家，我妈妈的电话是13812345678")
    assert (found.rule, found.score, found.owner) == ("phone.test", 0.9, "妈妈")


@given(MESSAGES)
@settings(max_examples=60, deadline=None)
def test_a_rule_that_finds_something_is_never_passed_over(message: str) -> None:
    reading = Reading(normalise(message))
    every = settled(
        Entity(rule.kind, *reading.text.span(start, end), score, rule.id)
        for rule in all_rules()
        for start, end, score in rule.find(reading)
    )
    found = finder_of(rules_alone=True).find(message)
    assert [replace(one, owner="") for one in found] == list(every)


def test_the_form_with_spaces_has_those_between_han_characters() -> None:
    written, indices = Reading(normalise("我叫李明 今年 10岁")).spaced
    assert written == "我叫李明 今年 10岁"
    assert list(indices) == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10]
    plain, places = Reading(normalise("我叫李明")).spaced
    assert (plain, list(places)) == ("我叫李明", [0, 1, 2, 3, 4])


def test_only_rules_of_the_wanted_kinds_are_asked() -> None:
    def fails(_: Match) -> float:
        raise AssertionError("this rule was not wanted")

    rules = [Rule("age.x", Kind.AGE, r"\d", check=fails), Rule("qq.x", Kind.QQ, r"\d{3}")]
    assert values(Finder({Kind.QQ}, rules), "12345") == [(Kind.QQ, "123")]


def test_the_surer_entity_stays_then_the_longer_one() -> None:
    sure, longer, shorter, apart = (
        Entity(Kind.QQ, 4, 8, 0.9, "a"),
        Entity(Kind.PHONE, 0, 5, 0.8, "b"),
        Entity(Kind.AGE, 0, 3, 0.8, "c"),
        Entity(Kind.URL, 8, 9, 0.1, "d"),
    )
    assert settled([apart, longer, sure, shorter]) == (shorter, sure, apart)
    assert settled([shorter, longer]) == (longer,)


def entity(kind: Kind, start: int, length: int, score: float) -> Entity:
    return Entity(kind, start, start + length, score, "x")


_ENTITIES = st.builds(
    entity,
    kind=st.sampled_from(Kind),
    start=st.integers(0, 30),
    length=st.integers(1, 12),
    score=st.sampled_from([0.3, 0.6, 0.9]),
)


@given(st.lists(_ENTITIES, max_size=12))
def test_whatever_is_settled_does_not_overlap_and_covers_the_surest(found: list[Entity]) -> None:
    kept = settled(found)
    assert all(one.end <= other.start for one, other in pairwise(kept))
    assert set(kept) <= set(found)
    for lost in found:
        assert any(one.start < lost.end and lost.start < one.end for one in kept)


@settings(deadline=None)  # the rules are compiled by the first message
@given(MESSAGES)
def test_entities_of_every_rule_lie_in_the_text_and_never_overlap(message: str) -> None:
    found = finder_of().find(message)
    for one in found:
        assert 0 <= one.start < one.end <= len(message)
        assert 0 < one.score <= 1
    assert all(one.end <= other.start for one, other in pairwise(found))


@settings(deadline=None)  # the rules are compiled by the first message
@given(MESSAGES)
def test_kinds_that_are_not_wanted_are_not_found(message: str) -> None:
    wanted = frozenset({Kind.PHONE, Kind.NAME})
    assert {one.kind for one in finder_of(wanted).find(message)} <= wanted


def test_a_finder_is_built_once() -> None:
    wanted = frozenset({Kind.QQ, Kind.PHONE})
    assert finder_of(wanted) is finder_of(frozenset({Kind.PHONE, Kind.QQ}))


def test_eight_threads_find_what_one_finds() -> None:
    messages = [f"{first}{second}" for first in PARTS for second in PARTS[::3]]
    finder = finder_of()
    alone = [finder.find(message) for message in messages]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(finder.find, messages * 4))
    assert together == alone * 4


def calls(number: int, every: int = 1) -> None:
    """Short messages of which no two are the same; one of `every` has personal data."""
    finder = finder_of()
    for place in range(number):
        part = PARTS[place // every % len(PARTS)] if place % every == 0 else "好"
        finder.find(f"{part}{place:x}")


def test_memory_does_not_grow_over_calls() -> None:
    tracemalloc.start()
    try:
        calls(2_000)  # fills what is cached
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        calls(20_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000  # 5 bytes a call


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from /proc")
def test_resident_memory_does_not_grow_over_many_calls() -> None:
    calls(20_000)
    gc.collect()
    before = resident()
    calls(200_000, every=20)
    gc.collect()
    assert resident() - before < 4_000_000  # 20 bytes a call


def resident() -> int:
    """Bytes of this process that lie in memory."""
    return int(STATM.read_text().split()[1]) * mmap.PAGESIZE
