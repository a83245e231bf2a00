"""The curve: a picture of what was logged, and TensorBoard without what a killed run left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.curve import Curve, draw, points

HISTORY: list[dict[str, Any]] = [
    {"step": 1, "loss": 2.0, "learning_rate": 0.1},
    {"step": 2, "loss": 1.0},
    {"step": 2, "eval_loss": 1.5},
]


def test_points_are_those_of_one_number() -> None:
    assert points(HISTORY, "loss") == [(1, 2.0), (2, 1.0)]
    assert points(HISTORY, "eval_loss") == [(2, 1.5)]


@pytest.mark.models
@pytest.mark.parametrize("steps", [0, 3, 200])
def test_a_picture_is_drawn_of_any_number_of_steps(tmp_path: Path, steps: int) -> None:
    pytest.importorskip("matplotlib")
    history = [{"step": step, "loss": 1 / (step + 1)} for step in range(steps)]
    draw(history, tmp_path / "curve.png", "a title")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.models
@pytest.mark.slow
def test_a_resumed_run_drops_the_points_behind_its_checkpoint(tmp_path: Path) -> None:
    reading: Any = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", exc_type=ImportError
    )
    pytest.importorskip("torch")
    killed = Curve(tmp_path, 0)
    for step in range(1, 8):
        killed.add(step, {"loss": float(step), "told": "no number"})
    killed.close()
    resumed = Curve(tmp_path, 4)
    resumed.add(5, {"loss": 50.0})
    resumed.close()
    read = reading.EventAccumulator(str(tmp_path))
    read.Reload()
    assert [(each.step, each.value) for each in read.Scalars("loss")] == [
        (1, 1.0),
        (2, 2.0),
        (3, 3.0),
        (4, 4.0),
        (5, 50.0),
    ]
