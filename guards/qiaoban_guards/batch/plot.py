"""The confusion of a guard as a picture; extra `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from qiaoban_guards.errors import MissingExtraError

_INCHES_PER_CLASS = 0.64
_LEAST_INCHES = 6.0
_DPI = 150
_DARK = 0.55
"""Share of a row from which on a cell is too dark for black figures."""


def require_matplotlib() -> None:
    """MissingExtraError where the pictures' package is not installed."""
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise MissingExtraError("the confusion plot", "evaluate") from error


def plot_confusion(
    confusion: Mapping[tuple[str, str], int],
    file: Path,
    *,
    classes: Sequence[str],
    title: str = "",
) -> None:
    """Write `confusion[truth, predicted]` over `classes` as a PNG of truth (down) × predicted.

    Cells show counts; their shade is the share of the row. Raises MissingExtraError without
    matplotlib, OSError where `file` cannot be written.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    counts = np.array([[confusion.get((row, column), 0) for column in classes] for row in classes])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(_LEAST_INCHES, _INCHES_PER_CLASS * len(classes))
    figure: Any = Figure(figsize=(side, side), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    axes.set_title(title)
    for row, column in zip(*np.nonzero(counts), strict=True):
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if shares[row, column] > _DARK else "black",
        )
    with file.open("wb") as out:
        figure.savefig(out, format="png")
