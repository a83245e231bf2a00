"""Counts, intervals and labels of an evaluation."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.measure import (
    CLASSES,
    NO_LABEL,
    OTHER_LABELS,
    Counts,
    Tally,
    Truth,
    proportion,
    read_label,
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


@pytest.mark.parametrize(
    ("label", "truth"),
    [
        (True, Truth(flagged=True)),
        (False, Truth(flagged=False)),
        ("safe", Truth(flagged=False)),
        ("none", Truth(flagged=False)),
        ("unsafe", Truth(flagged=True)),
        ("low", Truth(flagged=False)),
        ("moderate", Truth(flagged=True)),
        (" Imminent ", Truth(flagged=True)),
        ("self_harm", Truth(flagged=True, category=Category.SELF_HARM)),
        ("ABUSE", Truth(flagged=True, category=Category.ABUSE)),
        ("dangerous", None),
        ("", None),
        (None, None),
        (1, None),
        (0.0, None),
    ],
)
def test_labels_are_read_or_unknown(label: object, truth: Truth | None) -> None:
    assert read_label(label, RiskLevel.MODERATE) == truth


def test_a_level_as_label_is_held_against_the_level_asked_for() -> None:
    assert read_label("moderate", RiskLevel.HIGH) == Truth(flagged=False)
    assert read_label("low", RiskLevel.LOW) == Truth(flagged=True)


def tally() -> Tally:
    counted = Tally()
    for label, flagged, category in [
        ("self_harm", True, Category.SELF_HARM),
        ("self_harm", True, Category.ABUSE),
        ("self_harm", False, Category.SELF_HARM),  # found, but not gravely enough
        ("safe", True, Category.ABUSE),
        ("safe", False, None),
        (True, True, Category.BULLYING),
        ("high", False, None),
    ]:
        counted.add(label, flagged=flagged, category=category)
    return counted


def test_overall_counts_who_was_flagged() -> None:
    assert tally().overall == Counts(tp=3, fp=1, fn=2, tn=1)


def test_categories_count_only_where_the_true_one_is_known() -> None:
    counted = tally()
    assert counted.uncategorised == 2
    assert counted.confusion == {
        ("self_harm", "self_harm"): 1,
        ("self_harm", "abuse"): 1,
        ("self_harm", "none"): 1,
        ("none", "abuse"): 1,
        ("none", "none"): 1,
    }
    overall, self_harm, abuse = counted.rows()
    assert [row.name for row in (overall, self_harm, abuse)] == ["overall", "self_harm", "abuse"]
    assert self_harm.positives == 3
    assert self_harm.recall.value == pytest.approx(1 / 3)
    assert (self_harm.precision.value, self_harm.false_alarms.value) == (1.0, 0.0)
    assert (abuse.positives, abuse.recall.value, abuse.precision.value) == (0, None, 0.0)
    assert abuse.false_alarms.value == pytest.approx(2 / 5)


def test_unknown_labels_are_counted_cut_short_and_few() -> None:
    counted = Tally()
    for label in [None, "mild", "mild", "x" * 1000, *range(100)]:
        counted.add(label, flagged=True, category=None)
    assert counted.overall == Counts()
    assert counted.unknown[NO_LABEL] == 1
    assert counted.unknown["'mild'"] == 2
    assert counted.unknown[OTHER_LABELS] > 0
    assert counted.unknown.total() == 104
    assert len(counted.unknown) <= 21
    assert max(len(label) for label in counted.unknown) <= 40


def test_the_classes_are_the_categories_and_none() -> None:
    assert len(CLASSES) == 14
    assert CLASSES[-1] == "none"
