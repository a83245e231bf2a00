"""Tokens a second of three trainings side by side: QiaoBan's recipe, ours and trl's.

    python benchmarks/training/tokens_per_second.py [--data FILE] [--rounds 12] [--minutes 3]

One model, one tokenizer and the same dialogues; each training in a process of its own, one step of
one of them at a time, round after round, so that what else runs on the machine falls on all of
them. Where there is CUDA the model has 1.1 billion parameters and computes in bf16, trainings
follow each other, and model FLOPs utilisation is told; else 20 million on the processor.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from contenders import CUTOFF, ENDLESS, Contender, Step, contend

from qiaoban_finetune.base import open_base
from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.estimate import flops
from qiaoban_finetune.hardware import GPUS
from qiaoban_finetune.learning_data import learning_data
from qiaoban_finetune.shape import shape_of

SMALL = {"vocabulary": 8192, "layers": 8, "width": 384, "heads": 6, "inner_width": 1024}
LARGE = {"vocabulary": 8192, "layers": 16, "width": 2048, "heads": 32, "inner_width": 8192}
WARM = 1
"""Steps of each training that are not counted."""
ASKED: tuple[tuple[str, str, float | None], ...] = (
    ("ours, 8", "recipe, 8", 1.25),
    ("ours, 8", "random, 8", None),
    ("ours, 2", "recipe, 2", 1.0),
    ("ours, 8", "trl, 8", 1.1),
)
"""What has to be how many times as fast as what; None: it is told for comparison."""


def configuration(data: Path, folder: Path, *, cuda: bool) -> TrainingConfig:
    """A run of ours on the dialogues."""
    told: dict[str, Any] = {
        "model": {
            "base": str(folder / "base"),
            "template": "qiaoban",
            "random": {**(LARGE if cuda else SMALL), "positions": 2 * CUTOFF},
        },
        "data": {
            "train": [{"path": str(data), "turns": "merge"}],
            "max_tokens": CUTOFF,
        },
        "optimiser": {"learning_rate": 1e-4, "max_steps": ENDLESS, "global_batch": 1},
        "logging": {"every_steps": ENDLESS, "tensorboard": False},
        "checkpoints": {"every_steps": ENDLESS},
        "output": str(folder / "run"),
    }
    return parse_config(told, origins=[("the benchmark", "{}")])


def contenders(mean: float) -> list[Contender]:
    """Every training at QiaoBan's micro-batches of 8 and 2 dialogues, with equal tokens a batch."""
    rows = max(1, round(8 * mean / CUTOFF))
    return [
        Contender("recipe, 8", "recipe", 8, 1),
        Contender("random, 8", "random", 8, 1),
        Contender("ours, 8", "ours", rows, 1),
        Contender("trl, 8", "trl", rows, 1),
        Contender("recipe, 2", "recipe", 2, 4),
        Contender("ours, 2", "ours", max(1, round(2 * mean / CUTOFF)), rows),
    ]


class Running:
    """A training that takes a step when it is asked to."""

    def __init__(self, contender: Contender, config: TrainingConfig, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.steps: list[Step] = []
        self._told, theirs = context.Pipe()
        given = (contender, config, threads, theirs)
        self._process = context.Process(target=contend, args=given, daemon=True)
        self._process.start()
        theirs.close()

    def ready(self) -> None:
        """Wait until the first step can be taken."""
        self._wait(self._told)

    def step(self, *, counted: bool = True) -> None:
        """Take one."""
        self._told.send(True)
        step = self._wait(self._told)
        if counted:
            self.steps.append(step)

    def stop(self) -> None:
        """End it and wait for that."""
        with suppress(OSError):  # it may have stopped by itself
            self._told.send(False)
        self._process.join()

    @staticmethod
    def _wait(told: Connection) -> Any:
        try:
            return told.recv()
        except EOFError:
            raise SystemExit("a training has stopped; see above") from None


def measured(
    asked: Sequence[Contender], config: TrainingConfig, given: argparse.Namespace, *, cuda: bool
) -> dict[str, list[Step]]:
    """The steps of each: on a GPU one training after the other, which may fill its memory.

    Ends behind a whole round, when all were had or the time is up, and equally many for each.
    """
    groups = [[one] for one in asked] if cuda else [list(asked)]
    found: dict[str, list[Step]] = {}
    for group in groups:
        with started(group, config, given.threads) as running:
            end = time.monotonic() + 60 * given.minutes / len(groups)
            for number in range(WARM + given.rounds):
                if number > WARM + 1 and time.monotonic() > end:
                    break
                for one in running.values():
                    one.step(counted=number >= WARM)
                if number >= WARM:
                    told = (f"{name} {rate(one.steps[-1]):,.0f}" for name, one in running.items())
                    tell(f"round {number - WARM + 1}: {'; '.join(told)}")
            found |= {name: one.steps for name, one in running.items()}
    least = min(map(len, found.values()))
    return {name: steps[:least] for name, steps in found.items()}


@contextmanager
def started(
    group: Sequence[Contender], config: TrainingConfig, threads: int
) -> Iterator[dict[str, Running]]:
    """The trainings of a group, each waiting for its first step."""
    running: dict[str, Running] = {}
    try:
        for one in group:
            running[one.name] = Running(one, config, threads)
        for each in running.values():
            each.ready()
        yield running
    finally:
        for one in running.values():
            one.stop()


def rate(step: Step) -> float:
    """Tokens that count, a second."""
    return step.counting / step.seconds


def busy_rate(step: Step) -> float:
    """The same for each second that a processor was at it, which others' work changes little."""
    return step.counting / step.busy


def table(asked: Sequence[Contender], steps: dict[str, list[Step]]) -> Iterator[str]:
    """A line for each training."""
    heads = ("tokens/s", "least", "most", "busy", "padding")
    yield f"{'':<10}{''.join(f'{head:>10}' for head in heads)}{'tokens a batch':>16}"
    for one in asked:
        found = steps[one.name]
        rates = sorted(map(rate, found))
        counting = sum(step.counting for step in found)
        computed = sum(step.computed for step in found)
        told = (
            statistics.median(rates),
            rates[0],
            rates[-1],
            statistics.median(map(busy_rate, found)),
        )
        yield (
            f"{one.name:<10}{''.join(f'{number:>10,.0f}' for number in told)}"
            f"{1 - counting / computed:>10.2%}{computed / len(found) / one.times:>16,.0f}"
        )


def ratios(steps: dict[str, list[Step]]) -> Iterator[str]:
    """A line for each comparison: the median over the rounds, and the middle half of them."""
    for ours, theirs, wanted in ASKED:
        both = list(zip(steps[ours], steps[theirs], strict=True))
        low, middle, high = statistics.quantiles([rate(a) / rate(b) for a, b in both], n=4)
        busy = statistics.median(busy_rate(a) / busy_rate(b) for a, b in both)
        told = (
            f"{ours} is {middle:.2f} × {theirs} (middle half {low:.2f} to {high:.2f}), by a "
            f"processor's seconds {busy:.2f} ×"
        )
        if wanted is not None:
            told += f"; asked {wanted:.2f}: {'reached' if middle >= wanted else 'missed'}"
        yield told


def utilisation(config: TrainingConfig, steps: dict[str, list[Step]], mean: float) -> Iterator[str]:
    """Model FLOPs of the tokens that count, as a share of the GPU's peak in bf16."""
    import torch

    device = torch.cuda.get_device_name().lower()
    peak = next((gpu.half for name, gpu in GPUS.items() if name.split("-")[0] in device), None)
    if peak is None:
        yield f"the peak of {device} is not known; no utilisation"
        return
    each = flops(config, shape_of(config.model), mean)
    for name, found in steps.items():
        share = statistics.median(map(rate, found)) * each / (peak * 1e12)
        yield f"{name}: {share:.1%} of {peak:.0f} TFLOP/s ({device})"


def tell(text: str) -> None:
    """Print at once, also into a file."""
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/cpsycound_dialogues.jsonl")
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=3, help="of all rounds together, at most")
    parser.add_argument("--threads", type=int, default=2, help="of the processor; 0: torch decides")
    given = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    logging.disable(logging.WARNING)
    import torch

    cuda = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as made:
        config = configuration(given.data, Path(made), cuda=cuda)
        data = learning_data(config, open_base(config)).numbers
        mean = data["tokens of an epoch"] / data["dialogues"]
        asked = contenders(mean)
        parameters = shape_of(config.model).parameters
        tell(
            f"{parameters / 1e6:,.1f}M parameters, {data['dialogues']:,} dialogues of {mean:.0f} "
            f"tokens on average; {platform.machine()}, "
            f"{given.threads or torch.get_num_threads()} threads, torch {torch.__version__}"
        )
        if not cuda:
            tell("no CUDA: a 1.1B model in bf16 and its utilisation were not measured")
        steps = measured(asked, config, given, cuda=cuda)
        tell(f"{len(next(iter(steps.values())))} rounds")
        tell("\n".join([*table(asked, steps), *ratios(steps)]))
        if cuda:
            tell("\n".join(utilisation(config, steps, mean)))


if __name__ == "__main__":
    main()
