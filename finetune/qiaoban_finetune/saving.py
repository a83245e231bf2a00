"""Checkpoints that are whole or not there: written beside, put on the disk, then renamed.

    checkpoints/checkpoint-200/     a whole one
    checkpoints/.checkpoint-400.part/   being written; nothing reads it

A checkpoint holds the trained weights, the optimiser's state, the schedule and the random numbers,
so a run goes on from it as if it had never stopped. Of frozen weights it holds nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_finetune.distributed import agree, rank
from qiaoban_finetune.errors import TrainingError

CHECKPOINTS = "checkpoints"
WEIGHTS = "trained.safetensors"
_NAME = "checkpoint-"
_UNFINISHED = ".part"


@contextmanager
def whole_checkpoint(run: Path, step: int) -> Generator[Path]:
    """A folder to write `checkpoint-STEP` into, which then takes its place beside the others.

    Every process enters it. Raises TrainingError in all of them if one could not write; earlier
    checkpoints stay as they are, and nothing is left of this one.
    """
    name = f"{_NAME}{step}"
    target = run / CHECKPOINTS / name
    part = run / CHECKPOINTS / f".{name}{_UNFINISHED}"
    what = f"checkpoint {step} cannot be written, {_kept(run)}"
    problem: Exception | None = None
    try:
        if rank() == 0:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
    except OSError as error:
        problem = error
    agree(problem, what)
    try:
        yield part
    except Exception as error:  # torch and safetensors have classes of their own for a full disk
        problem = error
    try:
        agree(problem, what)
        if rank() == 0:
            problem = _put(part / name, target)
        agree(problem, what)
    finally:
        if rank() == 0:
            shutil.rmtree(part, ignore_errors=True)


def checkpoints(run: Path) -> list[Path]:
    """The whole checkpoints of a run, the oldest first."""
    found = (run / CHECKPOINTS).glob(f"{_NAME}*")
    return sorted(found, key=lambda folder: int(folder.name.removeprefix(_NAME)))


def sweep(run: Path, keep: int | None = None) -> None:
    """Remove what was never finished, and with `keep` all but the newest whole ones."""
    if rank() != 0:
        return
    for part in (run / CHECKPOINTS).glob(f".{_NAME}*{_UNFINISHED}"):
        shutil.rmtree(part, ignore_errors=True)
    if keep is not None:
        for old in checkpoints(run)[:-keep]:
            # a name that nothing takes for a checkpoint, lest a half removed one be read
            gone = old.with_name(f".{old.name}{_UNFINISHED}")
            old.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def save_trained(folder: Path, model: Any) -> None:
    """Write the weights that are trained, in the numbers they are trained in."""
    safetensors: Any = import_module("safetensors.torch")
    weights = {
        name: weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.save_file(weights, str(folder / WEIGHTS), metadata={"format": "pt"})


def load_trained(folder: Path, model: Any) -> None:
    """Put the weights of a checkpoint into the model; TrainingError if it is another's."""
    torch: Any = import_module("torch")
    safetensors: Any = import_module("safetensors.torch")
    weights = safetensors.load_file(str(folder / WEIGHTS))
    mine = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    for name in sorted({*weights} ^ {*mine}):
        raise TrainingError(
            f"{folder} was saved by another method: {name} is in one and not in the other"
        )
    with torch.no_grad():
        for name, weight in mine.items():
            weight.copy_(weights[name])


def settle(folder: Path) -> None:
    """Have all that stands in `folder` survive a power cut."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir() and os.name == "nt":
            continue  # a folder cannot be opened there
        opened = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _put(part: Path, target: Path) -> OSError | None:
    try:
        settle(part)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
        settle(target.parent)
    except OSError as error:
        return error
    return None


def _kept(run: Path) -> str:
    newest = checkpoints(run)[-1:]
    return (
        f"{newest[0]} is whole; make room and go on from it with --resume"
        if newest
        else "and there is none before it; make room and begin again"
    )
