"""What `qiaoban guard --evaluate` shows: a table, a picture, and the labels it could not read."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from qiaoban_guards.batch.measure import Estimate, Tally
from qiaoban_guards.batch.plot import plot_confusion

_WIDTH = 125
"""Columns where there is no terminal to ask; enough for the table's rows to stand on one line."""


def plot_file(file: Path) -> Path:
    """Where the picture for an input goes by default: beside it, or here for standard input."""
    return file.with_name(f"{'stdin' if file == Path('-') else file.name}.confusion.png")


def show(tally: Tally, picture: Path, title: str, *, to_stderr: bool) -> None:
    """Print the table and write the picture; a picture that fails makes the exit status 2.

    `title` says what was flagged.
    """
    console = Console(stderr=to_stderr, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(_table(tally, title))
    console.print(f"the right kind among the hits of a known one: {_cell(tally.kind_right())}")
    if tally.without_kind:
        console.print(f"labelled without a kind, so counted overall only: {tally.without_kind:,}")
    try:
        plot_confusion(tally.confusion, picture, classes=tally.classes, title=title)
    except OSError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from error
    console.print(f"plot: {picture}", soft_wrap=True)
    for label, lines in tally.unknown.most_common():
        typer.secho(f"unknown label {label}, lines left out: {lines:,}", err=True, fg="red")


def _table(tally: Tally, title: str) -> Table:
    table = Table(title=f"{title}, with 95 % intervals")
    table.add_column("", no_wrap=True)
    table.add_column("positives", justify="right")
    for name in ("precision", "recall", "F1", "false alarms"):
        table.add_column(name)
    for row in tally.rows():
        measures = (row.precision, row.recall, row.f1, row.false_alarms)
        table.add_row(row.name, f"{row.positives:,}", *(_cell(measure) for measure in measures))
    return table


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.3f} [{estimate.low:.3f}–{estimate.high:.3f}]"
