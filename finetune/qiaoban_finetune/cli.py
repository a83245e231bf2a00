"""`qiaoban train`: a run from its configuration, or what it would take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qiaoban_agent.errors import QiaobanError

if TYPE_CHECKING:
    from qiaoban_finetune.config import TrainingConfig
    from qiaoban_finetune.hardware import Hardware

_UNUSABLE = 2


def train(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or a shipped configuration: tiny, qiaoban-7b, …")
    ],
    *,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="key.key=value laid over the file; may be given often."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Tell what it would take; nothing is trained.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's newest checkpoint.")
    ] = False,
    resume_from: Annotated[
        Path | None, typer.Option(help="Go on from this checkpoint of the run.")
    ] = None,
    gpu: Annotated[str, typer.Option(help="With --check: the GPU to tell of.")] = "a100-80g",
    gpus: Annotated[
        int | None, typer.Option(min=1, help="With --check: GPUs in a machine; else 1.")
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, help="With --check: machines.")] = 1,
    network: Annotated[
        float, typer.Option(min=0.1, help="With --check: Gbit/s between machines.")
    ] = 200.0,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="With --check: share of a GPU's peak reached.")
    ] = 0.4,
    local_rank: Annotated[int, typer.Option("--local_rank", "--local-rank", hidden=True)] = -1,
) -> None:
    """Train a companion as a configuration says, on this machine or under a launcher.

    The exit status is 2 where something cannot be used; the error says what to change.
    """
    del local_rank  # the deepspeed launcher hands it over; the environment tells it too
    try:
        from qiaoban_finetune.config import load_config

        loaded = load_config(config, overrides or [])
        if check:
            _check(loaded, _hardware(gpu, gpus, nodes, network, utilisation))
        else:
            _train(_modern(loaded), resume_from or resume)
    except QiaobanError as error:
        if _first():
            typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(_UNUSABLE) from error


def _modern(config: TrainingConfig) -> TrainingConfig:
    from qiaoban_finetune.legacy_command import with_modern_deepspeed

    loaded, notices = with_modern_deepspeed(config)
    for notice in notices if _first() else ():
        typer.echo(f"note: {notice}", err=True)
    return loaded


def _hardware(
    gpu: str, gpus: int | None, nodes: int, network: float, utilisation: float
) -> Hardware:
    from qiaoban_finetune.hardware import Hardware

    return Hardware(gpu, gpus or 1, nodes, network, utilisation)


def _check(config: TrainingConfig, hardware: Hardware) -> None:
    from qiaoban_finetune.check import check

    for line in check(config, hardware).lines():
        typer.echo(line)


def _train(config: TrainingConfig, resume: bool | Path) -> None:
    from qiaoban_finetune.train import train as run

    folder = run(config, resume=resume)
    if _first():
        typer.echo(f"final      {folder / 'final'}")


def _first() -> bool:
    return int(os.environ.get("RANK", "0")) == 0
