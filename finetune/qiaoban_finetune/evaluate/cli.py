"""`qiaoban evaluate`: run tasks, compare runs, metrics, agreement of judges, reports, children."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from qiaoban_agent.errors import QiaobanError
from qiaoban_finetune.evaluate.options import (
    AtOnceOption,
    BareOption,
    CutChoice,
    HumanOption,
    JudgesOption,
    LanguagesOption,
    ModelOption,
    OutOption,
    PlainOption,
    PolicyOption,
    ProtocolChoice,
    ProtocolOption,
    SamplesOption,
    SystemOption,
    TaskChoice,
    TemperatureOption,
    agreement_from,
    asking_from,
    judges_from,
    languages_from,
    subject_from,
    tasks_from,
)

_UNUSABLE = 2


app = typer.Typer(
    name="evaluate",
    help="Measure companions, so that the score can be believed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def main() -> None:
    """Measure companions, so that the score can be believed."""


@app.command()
def run(
    tasks: Annotated[list[TaskChoice], typer.Argument(help="One task or several, or all.")],
    *,
    out: OutOption,
    model: ModelOption = "curated",
    policy: PolicyOption = None,
    bare: BareOption = False,
    system: SystemOption = None,
    lang: LanguagesOption = None,
    items: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines of your own in place of the shipped set; needs one task and --lang.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="About so many items a set, whole groups.")
    ] = None,
    judge: JudgesOption = None,
    protocol: ProtocolOption = ProtocolChoice.STRUCTURED,
    samples: SamplesOption = 1,
    temperature: TemperatureOption = 0.0,
    plain_answers: PlainOption = False,
    human: HumanOption = None,
    at_once: AtOnceOption = 8,
) -> None:
    """Run TASKS over a companion, or over a bare model, and write the run into a folder.

    With --human each judge also scores the replies that people have scored, and its agreement with
    them stands beside every score of its.
    """
    names = tasks_from(tasks)
    languages = languages_from(lang)
    if items is not None and (len(names) != 1 or len(languages) != 1):
        raise typer.BadParameter("--items goes with one task and one --lang", param_hint="--items")
    with _telling():
        from qiaoban_finetune.evaluate.evaluation import Asked, evaluate
        from qiaoban_finetune.evaluate.printing import run_table

        asked = [Asked(task, one, items, limit) for task in names for one in languages]
        judges, how = judges_from(judge), asking_from(protocol, samples, temperature, plain_answers)
        known = agreement_from(human, judges, how) if human is not None and judges else {}
        done = evaluate(
            asked,
            lambda one: subject_from(model, policy, one, bare=bare, system=system),
            out,
            judges=judges,
            how=how,
            agreement=known,
            at_once=at_once,
        )
        _print(run_table(done))
        typer.echo(f"run        {out / 'result.json'}")


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A run: its folder or its result.json.")],
    b: Annotated[Path, typer.Argument(help="Another run over the same items.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Compare run B with run A, item by item, with paired tests."""
    with _telling():
        from qiaoban_finetune.evaluate.paired import compare as compared
        from qiaoban_finetune.evaluate.printing import comparison_table
        from qiaoban_finetune.evaluate.results import load_run

        found = compared(load_run(a), load_run(b))
        if as_json:
            typer.echo(found.model_dump_json(indent=1))
            return
        for notice in found.notices:
            typer.echo(f"note: {notice}", err=True)
        _print(comparison_table(found))


@app.command()
def children(
    *,
    out: OutOption,
    model: ModelOption = "curated",
    policy: PolicyOption = None,
    bare: BareOption = False,
    system: SystemOption = None,
    lang: LanguagesOption = None,
    personas: Annotated[
        Path | None,
        typer.Option(help="A folder of persona files of your own.", exists=True, file_okay=False),
    ] = None,
    played_by: Annotated[
        str | None, typer.Option(help="A model that plays the children; else their scripts.")
    ] = None,
    times: Annotated[int, typer.Option(min=1, help="With --played-by: sessions a persona.")] = 1,
    turns: Annotated[int, typer.Option(min=1, help="With --played-by: messages at most.")] = 12,
    at_once: AtOnceOption = 8,
) -> None:
    """Let simulated children talk with a companion, and count when an adult was told."""
    with _telling():
        from qiaoban_finetune.evaluate.children.evaluation import evaluate_children
        from qiaoban_finetune.evaluate.children.persona import personas_from, shipped_personas
        from qiaoban_finetune.evaluate.printing import run_table
        from qiaoban_finetune.evaluate.subjects import playing

        languages = languages_from(lang)
        done = evaluate_children(
            {
                one: personas_from(personas, one) if personas else shipped_personas(one)
                for one in languages
            },
            lambda one: subject_from(model, policy, one, bare=bare, system=system),
            out,
            model=playing(played_by, languages[0]) if played_by else None,
            played=times,
            most=turns,
            at_once=at_once,
            source=str(personas or "shipped personas"),
        )
        _print(run_table(done))
        typer.echo(f"run        {out / 'result.json'}")


@app.command()
def metrics(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines: {"id", "reply", "references"} or {"id", "task", "label", "answer"}.',
            exists=True,
            dir_okay=False,
        ),
    ],
    *,
    cut: Annotated[
        CutChoice, typer.Option(help="How Chinese is cut into tokens.")
    ] = CutChoice.CHARACTERS,
    perplexity: Annotated[
        str | None, typer.Option(help="A causal model for perplexity: a folder or a hub id.")
    ] = None,
) -> None:
    """BLEU-4, ROUGE-L, Distinct, perplexity and macro-F1 of a file, as JSON."""
    with _telling():
        from qiaoban_finetune.evaluate.metrics.file import measure_file

        measured = measure_file(file, cut.value, perplexity)
        typer.echo(measured.model_dump_json(indent=1, exclude_none=True))


@app.command()
def agreement(
    human: Annotated[
        Path,
        typer.Argument(help="JSON Lines of replies that people scored.", exists=True),
    ],
    *,
    judge: JudgesOption = None,
    protocol: ProtocolOption = ProtocolChoice.STRUCTURED,
    samples: SamplesOption = 1,
    temperature: TemperatureOption = 0.0,
    plain_answers: PlainOption = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also ask what order and length do to each judge.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="A JSON file for all of it, for `report`.", dir_okay=False)
    ] = None,
) -> None:
    """How far judges agree with people, and people with each other: weighted κ."""
    if not judge:
        raise typer.BadParameter("name at least one", param_hint="--judge")
    with _telling():
        from qiaoban_finetune.evaluate.judges.trial import Trial, trial_of
        from qiaoban_finetune.evaluate.printing import trial_table

        judges, how = judges_from(judge), asking_from(protocol, samples, temperature, plain_answers)
        done: Trial = trial_of(human, judges, how, probing=probe)
        if out is not None:
            out.write_text(done.model_dump_json(indent=1) + "\n", encoding="utf-8")
        _print(trial_table(done))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run: its folder or its result.json.")],
    *,
    out: Annotated[Path, typer.Option(help="The HTML file.", dir_okay=False)],
    against: Annotated[Path | None, typer.Option(help="Another run to compare with, as A.")] = None,
    judges: Annotated[
        Path | None,
        typer.Option(help="What `agreement --out` wrote.", exists=True, dir_okay=False),
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="A JSON file beside the page.", dir_okay=False)
    ] = None,
) -> None:
    """Write a run as one HTML file that needs nothing else."""
    with _telling():
        from qiaoban_finetune.evaluate.judges.trial import load_trial, with_agreement
        from qiaoban_finetune.evaluate.report.page import page
        from qiaoban_finetune.evaluate.report.summary import as_json as summed_up
        from qiaoban_finetune.evaluate.report.summary import summary
        from qiaoban_finetune.evaluate.results import load_run

        loaded, trial = load_run(run), load_trial(judges) if judges is not None else None
        whole = summary(
            with_agreement(loaded, trial) if trial else loaded,
            load_run(against) if against is not None else None,
            trial.biases if trial else (),
        )
        out.write_text(page(whole), encoding="utf-8")
        if as_json is not None:
            as_json.write_text(summed_up(whole) + "\n", encoding="utf-8")
        typer.echo(f"report     {out}")


def _print(table: object) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 120
    console.print(table)


@contextmanager
def _telling() -> Generator[None]:
    """What cannot be used is told in one line, with exit status 2."""
    # Escalations are listened to; their route would write across the table.
    logging.getLogger("qiaoban.escalation").addHandler(logging.NullHandler())
    try:
        yield
    except QiaobanError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(_UNUSABLE) from error


__all__ = ["app"]
