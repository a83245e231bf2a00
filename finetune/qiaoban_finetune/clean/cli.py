"""`qiaoban clean`: dialogues made fit to learn from, with a report."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from qiaoban_agent.errors import QiaobanError

_UNUSABLE = 2


def clean(
    source: Annotated[
        Path,
        typer.Argument(
            help="A file or folder of dialogues in any format that training reads: JSON Lines or "
            "an array, .gz too."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="A .jsonl or .jsonl.gz file, in OpenAI's chat format."),
    ],
    *,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file that says what each step does.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="key=value laid over it, as parent=drop or near_duplicates.threshold=0.8."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local, or ray for sets that are larger than a machine.")
    ] = "local",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes of the local engine; else one a core.")
    ] = None,
) -> None:
    """Clean the dialogues of SOURCE: mend the layout, hide personal data, take out what harms.

    A child's disclosure stays; a harmful reply goes. What became of every dialogue, with ten
    samples of each reason, stands beside the output as .report.json and .report.txt. Exit status
    2: it cannot be done as it is told; the error says what to change.
    """
    try:
        from qiaoban_finetune.clean.config import CleanConfig
        from qiaoban_finetune.clean.run import clean as run
        from qiaoban_finetune.collect.command_config import configured
        from qiaoban_finetune.errors import ConfigError

        if engine not in ("local", "ray"):
            raise ConfigError(f"--engine: {engine!r} is none; write local or ray")
        told = configured(CleanConfig, config, overrides or [])
        report = run(
            source,
            output,
            told,
            engine="ray" if engine == "ray" else "local",
            jobs=jobs or _cores(),
        )
    except QiaobanError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(_UNUSABLE) from error
    typer.echo(f"{report.kept:,} of {report.records:,} kept", err=True)
    for what, count in (*report.gone.most_common(), *report.changed.most_common()):
        typer.echo(f"{count:>10,}  {what}", err=True)
    typer.echo(f"written    {output}")


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
