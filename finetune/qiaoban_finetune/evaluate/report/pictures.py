"""Inline SVG: the course of stages of a talk, and a value with its interval."""

from __future__ import annotations

from typing import Any

from qiaoban_agent.coaching.timeline import MARKS
from qiaoban_finetune.evaluate.children.course import stages
from qiaoban_finetune.evaluate.statistics import Estimate
from qiaoban_finetune.evaluate.talk import Talk

_CELL, _HIGH = 22, 22
_BAR = 160


def timeline(talk: Talk) -> dict[str, Any]:
    """The strip of a talk for the template: a cell a turn, a flag where an adult was told."""
    cells = [
        {
            "x": place * _CELL,
            "letter": MARKS[stage].letter,
            "fill": MARKS[stage].fill,
            "told": answer.told_an_adult,
            "name": f"turn {place + 1}: {stage or 'no stage seen'}"
            + (", an adult was told" if answer.told_an_adult else ""),
        }
        for place, (stage, answer) in enumerate(zip(stages(talk), talk.answers, strict=True))
    ]
    return {"cells": cells, "width": max(1, len(cells)) * _CELL, "height": _HIGH + 10}


def legend() -> list[dict[str, str]]:
    """What the letters stand for."""
    return [
        {"letter": mark.letter, "fill": mark.fill, "name": str(stage or "none seen")}
        for stage, mark in MARKS.items()
    ]


def bar(one: Estimate, lowest: float, highest: float) -> dict[str, float]:
    """A value and its interval as places on a bar from `lowest` to `highest`."""
    reach = (highest - lowest) or 1.0

    def at(value: float) -> float:
        return round(min(1.0, max(0.0, (value - lowest) / reach)) * _BAR, 1)

    return {"value": at(one.value), "low": at(one.low), "high": at(one.high), "width": _BAR}
