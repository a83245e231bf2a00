"""`qiaoban content check`: hold the lines a companion may say to what a child may read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, NamedTuple, cast

import typer
from rich.console import Console
from rich.table import Table

from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.linter import STAGE_ACTS, check, coverage
from qiaoban_agent.coaching.memory import AGE_BANDS, AgeBand
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_agent.errors import QiaobanError
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.schema import Language

_WIDTH = 100
"""Columns where there is no terminal to ask."""

content = typer.Typer(
    name="content",
    help="The curated lines that replies are put together from.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@content.callback()
def _content() -> None:  # pyright: ignore[reportUnusedFunction] - keeps `check` a word of its own
    """The curated lines that replies are put together from."""


class _Language(StrEnum):
    ZH = "zh"
    EN = "en"


class _Range(NamedTuple):
    """The fewest and the most own lines over the emotions of a stage."""

    low: int
    high: int

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low) if self.low else "–"
        return f"{self.low}–{self.high}"


@content.command("check")
def check_content(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Content of your own, a YAML file an act; by default what is shipped.",
            exists=True,
            file_okay=False,
            readable=True,
        ),
    ] = None,
    *,
    lang: Annotated[
        _Language | None,
        typer.Option(help="The language of FOLDER; without one, only this shipped language."),
    ] = None,
    show_coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Count each topic's own lines by stage and age band."),
    ] = False,
) -> None:
    """Check content under the default policy and print what is wrong, one problem a line.

    The exit status is 1 if there is any, 2 if a file cannot be read.
    """
    if folder is not None and lang is None:
        raise typer.BadParameter("FOLDER needs --lang zh or --lang en")
    languages = cast("list[Language]", [lang.value] if lang else ["zh", "en"])
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    try:
        problems = sum(
            _check_one(console, folder or shipped, language, show_coverage=show_coverage)
            for language in languages
            for shipped in [files("qiaoban_agent") / "content" / language]
        )
    except QiaobanError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from error
    if problems:
        raise typer.Exit(1)


def _check_one(
    console: Console, folder: Traversable, language: Language, *, show_coverage: bool
) -> int:
    """Print what one language's content is like; how many problems it has."""
    problems = check(folder, language, load_policy("default"))
    for act, text, problem in problems:
        line = f" “{text}”" if text else ""
        console.print(f"{language} {act}:{line} {problem}", style="red", soft_wrap=True)
    read = Content(folder)
    if show_coverage:
        console.print(_table(read, language))
    lines = sum(len(read.lines(act)) for act in Act)
    found = f"{len(problems):,} problems" if len(problems) != 1 else "1 problem"
    console.print(f"{language}: {lines:,} lines, {found}")
    return len(problems)


def _table(read: Content, language: Language) -> Table:
    table = Table(
        title=f"{language}: a topic's own lines, fewest–most over the emotions of a stage",
        caption="–: none, so that lines for any topic are said",
    )
    table.add_column("topic", no_wrap=True)
    table.add_column("age", no_wrap=True)
    for stage in STAGE_ACTS:
        table.add_column(stage, justify="right", no_wrap=True)
    for topic, rows in _rows(read, language):
        for place, (ages, counts) in enumerate(rows):
            table.add_row(
                "" if place else topic,
                "all" if len(ages) == len(AGE_BANDS) else ", ".join(ages),
                *(str(count) for count in counts),
                end_section=place == len(rows) - 1 > 0,
            )
    return table


def _rows(
    read: Content, language: Language
) -> Iterator[tuple[str, list[tuple[list[AgeBand], tuple[_Range, ...]]]]]:
    """Each topic with its counts by stage; age bands that are alike share a row."""
    found: dict[str, dict[AgeBand, dict[Stage, _Range]]] = defaultdict(lambda: defaultdict(dict))
    for topic, _, stage, age, own in coverage(read, language):
        known = found[topic][age].get(stage, _Range(own, own))
        found[topic][age][stage] = _Range(min(known.low, own), max(known.high, own))
    for topic, ages in found.items():
        alike: dict[tuple[_Range, ...], list[AgeBand]] = {}
        for age, stages in ages.items():
            alike.setdefault(tuple(stages[stage] for stage in STAGE_ACTS), []).append(age)
        yield topic, [(bands, counts) for counts, bands in alike.items()]
