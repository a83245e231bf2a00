"""`qiaoban policy`: check, test, explain and compare policies, and print their JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from qiaoban_agent.cli.policy_text import explanation_text
from qiaoban_agent.errors import QiaobanError
from qiaoban_agent.explanation import explain_message
from qiaoban_agent.mutations import Mutation, mutations, survivors
from qiaoban_agent.rehearsal import Performance, rehearse
from qiaoban_guards.policy.difference import difference
from qiaoban_guards.policy.json_schema import as_text, policy_schema
from qiaoban_guards.policy.lint import Problem, lint
from qiaoban_guards.policy.load import PolicySource, load_policy, open_policy

_WIDTH = 100
"""Columns where there is no terminal to ask."""
_UNUSABLE = 2
_SURVIVED = 3

policy = typer.Typer(
    name="policy",
    help="Policies: what may be said to a child, and who is told.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_Policy = Annotated[str, typer.Argument(help="A shipped policy's name or a path.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _Language(StrEnum):
    ZH = "zh"
    EN = "en"


@policy.command()
def check(file: _Policy, *, as_json: _AsJson = False) -> None:
    """Say what would fail a child: gaps, stale numbers, rules that never decide or take too long.

    The exit status is 1 if there is an error, 2 if FILE is no policy.
    """
    with _telling_what_is_wrong():
        loaded, source = open_policy(file)
    problems = lint(loaded, date.today())
    if as_json:
        _print_json([_problem(problem, source) for problem in problems])
    else:
        for problem in problems:
            typer.echo(_problem_line(problem, source))
        errors = sum(problem.severity == "error" for problem in problems)
        typer.echo(f"{loaded.id}: {errors} errors, {len(problems) - errors} warnings")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


@policy.command("test")
def play(
    file: _Policy,
    *,
    mutate: Annotated[
        bool,
        typer.Option(
            "--mutations/--no-mutations",
            help="Also take rules and answers away one by one: some example has to notice.",
        ),
    ] = True,
    as_json: _AsJson = False,
) -> None:
    """Play a policy's examples through a companion whose model says the example's reply.

    The exit status is 1 if an example fails, 3 if all hold but some mutation is noticed by none,
    2 if FILE is no policy.
    """
    with _telling_what_is_wrong():
        loaded = load_policy(file)
    performances = rehearse(loaded)
    failed = [one for one in performances if one.failures]
    tried = list(mutations(loaded)) if mutate and not failed else []
    left = survivors(loaded, performances) if tried else []
    if as_json:
        _print_json(_report(performances, tried, left))
    else:
        _show_report(performances, failed, tried, left)
    if failed:
        raise typer.Exit(1)
    if left:
        raise typer.Exit(_SURVIVED)


@policy.command()
def explain(
    file: _Policy,
    *,
    child: Annotated[str, typer.Option(help="What the child writes.")],
    reply: Annotated[str | None, typer.Option(help="What a model would answer.")] = None,
    lang: Annotated[
        _Language | None, typer.Option(help="The language where the message leaves it open.")
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Tell step by step what the policy makes of a message, and of a reply to it."""
    with _telling_what_is_wrong():
        loaded = load_policy(file)
    if lang is not None:
        audience = loaded.audience.model_copy(update={"language": lang.value})
        loaded = loaded.model_copy(update={"audience": audience})
    explanation = explain_message(loaded, child, reply or None)
    if as_json:
        typer.echo(explanation.model_dump_json(indent=2))
    else:
        typer.echo(explanation_text(explanation))


@policy.command()
def diff(before: _Policy, after: _Policy, *, as_json: _AsJson = False) -> None:
    """Say how two policies differ, key by key, entries of lists by their id.

    The exit status is 0 if they are the same, 1 if they differ, 2 if one is no policy.
    """
    with _telling_what_is_wrong():
        changes = difference(load_policy(before), load_policy(after))
    if as_json:
        _print_json([asdict(change) for change in changes])
    else:
        for change in changes:
            typer.echo(str(change))
    if changes:
        raise typer.Exit(1)


@policy.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a policy's file."""
    typer.echo(as_text(policy_schema()), nl=False)


@contextmanager
def _telling_what_is_wrong() -> Generator[None]:
    try:
        yield
    except QiaobanError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(_UNUSABLE) from error


def _problem(problem: Problem, source: PolicySource) -> dict[str, object]:
    file, line, column = source.place(problem.key)
    return {
        "file": _short(file),
        "line": line,
        "column": column,
        "severity": problem.severity,
        "key": problem.path,
        "what": problem.what,
        "remedy": problem.remedy,
    }


def _problem_line(problem: Problem, source: PolicySource) -> str:
    told = _problem(problem, source)
    place = f"{told['file']}:{told['line']}:{told['column']}"
    return f"{place}: {problem.severity}: {problem.path}: {problem.what}; {problem.remedy}"


def _short(file: str) -> str:
    """A path as it is seen from here."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _report(
    performances: list[Performance], tried: list[Mutation], left: list[Mutation]
) -> dict[str, Any]:
    return {
        "examples": [
            {
                "id": one.example.id,
                "passed": not one.failures,
                "failures": [asdict(failure) for failure in one.failures],
            }
            for one in performances
        ],
        "mutations": len(tried),
        "survivors": [{"key": one.key, "change": one.change} for one in left],
    }


def _show_report(
    performances: list[Performance],
    failed: list[Performance],
    tried: list[Mutation],
    left: list[Mutation],
) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    if failed:
        table = Table("example", "what", "expected", "got")
        for one in failed:
            for failure in one.failures:
                table.add_row(one.example.id, failure.what, failure.expected, failure.got)
        console.print(table)
    console.print(f"{len(performances)} examples, {len(failed)} failed")
    if tried:
        for mutation in left:
            console.print(f"not noticed: {mutation.key}: {mutation.change}", soft_wrap=True)
        console.print(f"{len(tried)} mutations, {len(left)} noticed by no example")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
