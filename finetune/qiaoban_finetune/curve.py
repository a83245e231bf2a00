"""The loss of a run while it goes on, for TensorBoard, and as a picture at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.errors import MissingExtraError

LOGS = "logs"
PICTURE = "curve.png"
LOSS, VALIDATION = "loss", "eval_loss"
_NAMES = {LOSS: "training", VALIDATION: "validation"}
_POINTS_WITHOUT_MEAN = 40
_MEAN_OVER = 20


class Curve:
    """Writes numbers for TensorBoard into `folder`; those after `step` of a run cut off go."""

    def __init__(self, folder: Path, step: int) -> None:
        try:
            board: Any = import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise MissingExtraError("logging.tensorboard", "finetune") from error
        self._writer = board.SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def add(self, step: int, values: Mapping[str, object]) -> None:
        """The numbers of one step."""
        for name, value in values.items():
            if isinstance(value, int | float):
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Nothing more is added."""
        self._writer.close()


def points(history: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    """(step, value) of one number in the Trainer's log."""
    return [(each["step"], float(each[name])) for each in history if name in each]


def draw(
    history: Sequence[Mapping[str, Any]],
    file: Path,
    title: str,
    unit: str = "nats per learnt token",
) -> None:
    """Write a PNG of training and validation loss over steps; many points get a running mean."""
    try:
        figures: Any = import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError(f"drawing {file.name}", "finetune") from error
    figure = figures.Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, label in _NAMES.items():
        found = points(history, name)
        if not found:
            continue
        steps, values = zip(*found, strict=True)
        many = len(values) > _POINTS_WITHOUT_MEAN
        (line,) = axes.plot(
            steps, values, label=label, alpha=0.3 if many else 1, marker="" if many else "."
        )
        if many:
            axes.plot(steps, _mean(values), color=line.get_color(), label=f"{label}, running mean")
    axes.set(xlabel="step", ylabel=f"loss ({unit})", title=title)
    axes.grid(alpha=0.3)
    if axes.has_data():
        axes.legend()
    figure.savefig(str(file), dpi=120)


def _mean(values: Sequence[float]) -> list[float]:
    """Each with those before it, at most as many as are told together."""
    return [
        sum(part) / len(part)
        for end in range(1, len(values) + 1)
        if (part := values[max(0, end - _MEAN_OVER) : end])
    ]
