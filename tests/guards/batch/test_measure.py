"""Counts and intervals of an evaluation."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.batch.measure import (
    NO_LABEL,
    OTHER,
    OTHER_LABELS,
    Counts,
    Tally,
    Truth,
    proportion,
    wilson,
)

COUNT = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "of"), [(-1, 3), (4, 3)])
def test_what_is_no_proportion_is_refused(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(hits, of)


@given(COUNT, COUNT, COUNT, COUNT)
def test_every_measure_lies_in_its_interval(tp: int, fp: int, fn: int, tn: int) -> None:
    row = Counts(tp, fp, fn, tn).row("any")
    for value, low, high in (row.precision, row.recall, row.f1, row.false_alarms):
        assert 0.0 <= low <= high <= 1.0
        assert value is None or low <= value <= high
    precision, recall, f1 = row.precision.value, row.recall.value, row.f1.value
    if precision and recall and f1:
        assert isclose(f1, 2 * precision * recall / (precision + recall))


def test_of_nothing_no_measure_is_claimed() -> None:
    assert proportion(0, 0) == (None, 0.0, 1.0)
    assert Counts().row("empty").f1.value is None


KINDS = ("theft", "arson", "fraud")


def read(label: object) -> Truth | None:
    known = {"good": Truth(flagged=False), "bad": Truth(flagged=True)}
    if label in KINDS:
        return Truth(flagged=True, kind=str(label))
    return known.get(str(label))


def tally() -> Tally:
    counted = Tally(KINDS, read)
    for label, flagged, kind in [
        ("theft", True, "theft"),
        ("theft", True, "arson"),
        ("theft", False, "theft"),  # found, but not gravely enough
        ("good", True, "arson"),
        ("good", False, None),
        ("bad", True, "fraud"),
        ("bad", False, None),
    ]:
        counted.add(label, flagged=flagged, kind=kind)
    return counted


def test_overall_counts_who_was_flagged() -> None:
    assert tally().overall == Counts(tp=3, fp=1, fn=2, tn=1)


def test_kinds_count_only_where_the_true_one_is_known() -> None:
    counted = tally()
    assert counted.without_kind == 2
    assert counted.confusion == {
        ("theft", "theft"): 1,
        ("theft", "arson"): 1,
        ("theft", "none"): 1,
        ("none", "arson"): 1,
        ("none", "none"): 1,
    }
    overall, theft, arson = counted.rows()
    assert [row.name for row in (overall, theft, arson)] == ["overall", "theft", "arson"]
    assert theft.positives == 3
    assert theft.recall.value == pytest.approx(1 / 3)
    assert (theft.precision.value, theft.false_alarms.value) == (1.0, 0.0)
    assert (arson.positives, arson.recall.value, arson.precision.value) == (0, None, 0.0)
    assert arson.false_alarms.value == pytest.approx(2 / 5)


def test_the_kind_is_right_or_wrong_among_hits_only() -> None:
    assert tally().kind_right() == proportion(1, 2)
    assert Tally(KINDS, read).kind_right().value is None


def test_what_is_flagged_without_a_kind_is_no_miss_and_the_wrong_kind() -> None:
    counted = Tally(KINDS, read)
    assert [*counted.classes] == [*KINDS, "none"]
    counted.add("arson", flagged=True, kind=None)
    assert [*counted.classes] == [*KINDS, OTHER, "none"]
    assert counted.confusion == {("arson", OTHER): 1}
    assert counted.overall == Counts(tp=1)
    assert counted.kind_right() == proportion(0, 1)


def test_unknown_labels_are_counted_cut_short_and_few() -> None:
    counted = Tally(KINDS, read)
    for label in [None, "mild", "mild", "x" * 1000, *range(100)]:
        counted.add(label, flagged=True, kind=None)
    assert counted.overall == Counts()
    assert counted.unknown[NO_LABEL] == 1
    assert counted.unknown["'mild'"] == 2
    assert counted.unknown[OTHER_LABELS] > 0
    assert counted.unknown.total() == 104
    assert len(counted.unknown) <= 21
    assert max(len(label) for label in counted.unknown) <= 40
