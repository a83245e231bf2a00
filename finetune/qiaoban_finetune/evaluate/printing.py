"""Runs and comparisons as tables for a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from qiaoban_finetune.evaluate.judges.scoring import criterion_of
from qiaoban_finetune.evaluate.judges.told import agreement_told
from qiaoban_finetune.evaluate.judges.trial import Trial
from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.paired import Comparison
from qiaoban_finetune.evaluate.results import Run, TaskResult
from qiaoban_finetune.evaluate.statistics import Estimate, estimates

_SURE = 0.01


def run_table(run: Run) -> Group:
    """Every task's measures with their intervals."""
    return Group(Text(run.subject.name, "bold"), *(_task(run, result) for result in run.results))


def _task(run: Run, result: TaskResult) -> Table:
    failed = sum(bool(item.error) for item in result.items)
    told = f"{result.key}: {len(result.items)} items, sets {result.items_version}"
    table = Table(title=told + (f", {failed} not scored" if failed else ""), title_justify="left")
    for name in ("measure", "value", "95 %", "items"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    table.add_column("what it says")
    for measure, one in zip(result.measures, estimates(result).values(), strict=True):
        style = "bold" if measure.name == result.headline else ""
        values = ("–", "–", "0") if one is None else (number(one.value), span(one), str(one.items))
        table.add_row(Text(measure.name, style), *values, measure.told + _believed(run, measure))
    return table


def _believed(run: Run, measure: Measure) -> str:
    """What is known of the judge behind a measure; nothing where there is none."""
    for judge in run.judges:
        criterion = criterion_of(measure.name, judge.name)
        if criterion is not None:
            return f"; {agreement_told(judge.agreement.get(criterion))}"
    return ""


def comparison_table(found: Comparison) -> Group:
    """Every measure of two runs, with the tests."""
    table = Table(title=f"A {found.a}   B {found.b}", title_justify="left")
    for name in ("task", "measure"):
        table.add_column(name)
    for name in ("A", "B", "B − A", "95 %", "better", "worse", "p", "p (Holm)", "p, by items"):
        table.add_column(name, justify="right")
    for one in found.differences:
        style = "bold" if one.headline else ""
        table.add_row(
            one.task,
            Text(one.measure.name, style),
            number(one.a),
            number(one.b),
            f"{one.difference.value:+.3f}",
            span(one.difference),
            str(one.better),
            str(one.worse),
            chance(one.p),
            Text(chance(one.p_holm), "bold" if one.p_holm < _SURE else ""),
            f"{chance(one.p_items)} {one.test}",
        )
    return Group(table)


def trial_table(done: Trial) -> Group:
    """Every judge's agreement with people, and what else moves it."""
    table = Table(title="agreement with people: quadratically weighted κ", title_justify="left")
    for name in ("judge", "criterion"):
        table.add_column(name)
    for name in ("κ", "95 %", "replies", "raters", "among people"):
        table.add_column(name, justify="right")
    for judge, criteria in done.agreement.items():
        for criterion, one in criteria.items():
            people = "–" if one.among_people is None else f"{one.among_people:.3f}"
            cells = (number(one.value), f"{one.low:.3f} – {one.high:.3f}", str(one.replies))
            table.add_row(judge, criterion, *cells, str(one.raters), people)
        if not criteria:
            table.add_row(judge, "no human agreement known", *("–",) * 5)
    return Group(table, *([_biases(done)] if done.biases else []))


def _biases(done: Trial) -> Table:
    told = "order and length; fair: first 0.5, flipped 0, longer and padding no more than 0.5 and 0"
    table = Table(title=told, title_justify="left")
    for name in ("judge", "criterion"):
        table.add_column(name)
    for name in ("first", "flipped", "longer", "padding", "length ρ", "unanswered"):
        table.add_column(name, justify="right")
    for one in done.biases:
        found = (one.first, one.flipped, one.longer, one.padding)
        cells = ["–" if e is None else f"{number(e.value)} ({span(e)})" for e in found]
        rho = "–" if one.length is None else number(one.length)
        table.add_row(one.judge, one.criterion, *cells, rho, str(one.unanswered))
    return table


def number(value: float) -> str:
    """A value with three places."""
    return f"{value:.3f}"


def span(one: Estimate) -> str:
    """An interval."""
    return f"{one.low:.3f} – {one.high:.3f}"


def chance(p: float) -> str:
    """A p-value; very small ones as a bound."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
