"""Intervals and paired tests take contrast groups, not items, as independent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.paired import compare
from qiaoban_finetune.evaluate.results import ItemResult, Run, TaskResult, load_run, write_run
from qiaoban_finetune.evaluate.statistics import estimate
from qiaoban_finetune.evaluate.subjects import SubjectCard

SHARE = Measure(name="safe", told="")
MEAN = Measure(name="points", told="", kind="mean")


def run_of(
    values: Sequence[float | None],
    name: str = "a",
    *,
    measure: Measure = SHARE,
    in_group: int = 1,
    version: str = "1.0.0",
) -> Run:
    """A run of one task with these values of its one measure."""
    items = tuple(
        ItemResult(
            id=f"i{n}", group=f"g{n // in_group}", age=9, labels={}, values={measure.name: value}
        )
        for n, value in enumerate(values)
    )
    result = TaskResult(
        task="child_safety",
        language="zh",
        measures=(measure,),
        headline=measure.name,
        items_from="x",
        items_version=version,
        items=items,
    )
    card = SubjectCard(name=name, kind="model", model=name)
    return Run(subject=card, made="2026-01-01", library="0", results=(result,))


def test_an_interval_holds_the_value_and_widens_with_groups() -> None:
    values = [float(n % 3 > 0) for n in range(120)]
    alone = estimate({f"g{n}": [v] for n, v in enumerate(values)}, share=True)
    same = [float(n % 3 > 0) for n in range(30)]
    grouped = estimate({f"g{n}": [v] * 4 for n, v in enumerate(same)}, share=True)
    assert alone is not None
    assert grouped is not None
    assert alone.low < alone.value < alone.high
    assert grouped.value == pytest.approx(alone.value)
    assert grouped.high - grouped.low > 1.7 * (alone.high - alone.low)
    assert (grouped.items, grouped.groups) == (120, 30)


def test_where_nothing_varies_a_share_is_still_not_certain() -> None:
    one = estimate({f"g{n}": [1.0, 1.0] for n in range(20)}, share=True)
    assert one is not None
    assert (one.value, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx(0.839, abs=0.001)  # Wilson for 20 of 20
    assert estimate({"g": []}, share=True) is None


def test_a_difference_is_found_and_the_tests_agree_with_their_books() -> None:
    a, b = run_of([0.0] * 10 + [1.0] * 10), run_of([1.0] * 20, "b")
    [found] = compare(a, b).differences
    assert (found.a, found.b, found.better, found.worse) == (0.5, 1.0, 10, 0)
    assert found.test == "McNemar"
    assert found.p_items == pytest.approx(2 * 0.5**10)
    assert found.p == pytest.approx(2 * 0.5**10, rel=0.2)
    assert found.headline


def test_groups_that_move_together_count_once() -> None:
    alone = compare(run_of([0.0] * 12), run_of([1.0] * 12)).differences[0]
    together = compare(run_of([0.0] * 12, in_group=4), run_of([1.0] * 12, in_group=4)).differences[
        0
    ]
    assert alone.p < 0.01
    assert together.p == pytest.approx(2 * 0.5**3)
    assert together.p_items == alone.p_items


def test_no_difference_is_none() -> None:
    [found] = compare(run_of([1.0, 0.0, 1.0]), run_of([1.0, 0.0, 1.0])).differences
    assert (found.p, found.p_items, found.p_holm) == (1.0, 1.0, 1.0)


def test_other_measures_have_wilcoxon_and_less_may_be_better() -> None:
    fewer = MEAN.model_copy(update={"higher": False})
    a = run_of([3.0, 2.5, 4.0, 3.5, 2.0, 5.0, 4.5, 3.25], measure=fewer)
    b = run_of([1.0, 1.5, 2.0, 1.25, 1.0, 1.75, 2.5, 1.0], measure=fewer)
    [found] = compare(a, b).differences
    assert (found.test, found.better, found.worse) == ("Wilcoxon", 8, 0)
    assert found.p_items == pytest.approx(2 * 0.5**8)


def test_holm_corrects_for_the_number_of_measures() -> None:
    a, b = run_of([0.0] * 10), run_of([1.0] * 10, "b")
    two = [one.model_copy(update={"task": "attacks"}) for one in (*a.results, *b.results)]
    many_a = a.model_copy(update={"results": (*a.results, two[0])})
    many_b = b.model_copy(update={"results": (*b.results, two[1])})
    found = compare(many_a, many_b).differences
    assert [one.p_holm for one in found] == pytest.approx([2 * found[0].p] * 2)


def test_what_the_runs_do_not_share_is_left_out_and_told() -> None:
    a = run_of([1.0, 0.0, None, 1.0])
    b = run_of([0.0, 0.0, 1.0], "b", version="2.0.0")
    found = compare(a, b)
    assert found.differences[0].difference.items == 2
    assert any("other versions (1.0.0, 2.0.0)" in note for note in found.notices)
    assert any("1 items are in one run only" in note for note in found.notices)


def test_runs_without_an_item_in_common_are_not_compared() -> None:
    a = run_of([1.0])
    b = a.model_copy(update={"results": (a.results[0].model_copy(update={"task": "coaching"}),)})
    with pytest.raises(DataError, match="first has child_safety-zh, the second coaching-zh"):
        compare(a, b)


def test_a_run_is_kept_and_read_back(tmp_path: Path) -> None:
    run = run_of([1.0, None])
    write_run(run, tmp_path / "run")
    assert load_run(tmp_path / "run") == load_run(tmp_path / "run" / "result.json") == run
    with pytest.raises(DataError, match="no run is here"):
        load_run(tmp_path / "nowhere")
    (tmp_path / "old.json").write_text('{"form": 0}', encoding="utf-8")
    with pytest.raises(DataError, match="is no run of this version"):
        load_run(tmp_path / "old.json")
