"""A coached dialogue as a strip: stages over turns, acts below, early advice above; `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.report import EARLY, CoachReport
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_agent.errors import MissingExtraError

PictureFormat = Literal["png", "svg"]


class Mark(NamedTuple):
    """How a stage is shown: a letter, and a fill that colour-blind readers can tell apart."""

    letter: str
    fill: str


MARKS: Mapping[Stage | None, Mark] = {
    Stage.NOTICE: Mark("N", "#56b4e9"),
    Stage.UNDERSTAND: Mark("U", "#4c7fd0"),
    Stage.ACCEPT: Mark("A", "#1fae84"),
    Stage.EXPLORE: Mark("E", "#e69f00"),
    Stage.CLOSE: Mark("C", "#b08bc9"),
    Stage.SAVOUR: Mark("S", "#f0e442"),
    Stage.CRISIS: Mark("!", "#e0561f"),
    None: Mark("·", "#dddddd"),
}
UNKNOWN = "none seen"
"""What the stage of an answer is called that shows none."""
_ALARMING = (CoachingAct.DISMISS, CoachingAct.RELATION_CLAIM, CoachingAct.PROMISE)
_DPI = 120
_LEAST_INCHES, _MOST_INCHES = 7.0, 40.0
_INCHES_A_TURN = 0.4
_INCHES_AN_ACT = 0.22
_EARLY_ROW, _STAGE_ROW, _FIRST_ACT_ROW = -0.8, 0.0, 1.0
_LONGEST_TITLE = 60
_NO_GLYPH = "□"
_HAN_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti TC",
    "Arial Unicode MS",
)


def require_matplotlib() -> None:
    """MissingExtraError where the pictures' package is not installed."""
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise MissingExtraError("a dialogue's picture", "evaluate") from error


def early_turns(measured: CoachReport) -> tuple[int, ...]:
    """The turns, from 0, whose advice came too early.

    Who has asked for advice has asked from then on, so that the early ones come first.
    """
    advised = [n for n, acts in enumerate(measured.acts[:EARLY]) if CoachingAct.ADVICE in acts]
    return tuple(advised[: measured.advice_early])


def draw_timeline(measured: CoachReport, file: Path, picture_format: PictureFormat = "png") -> None:
    """Write the strip of one dialogue.

    An id whose characters no installed font has is shown with boxes for them. Raises
    MissingExtraError without matplotlib, OSError where `file` cannot be written.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    acts = [act for act in CoachingAct if any(act in turn for turn in measured.acts)]
    width = min(_MOST_INCHES, max(_LEAST_INCHES, 4.0 + _INCHES_A_TURN * measured.turns))
    height = 2.2 + _INCHES_AN_ACT * len(acts)
    figure: Any = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    _draw_stages(axes, measured)
    _draw_acts(axes, measured, acts)
    axes.set_xlim(0.4, measured.turns + 0.6)
    axes.set_ylim(_FIRST_ACT_ROW + len(acts) - 0.3, _EARLY_ROW - 0.6)
    axes.set_yticks(
        [_STAGE_ROW, *(_FIRST_ACT_ROW + row for row in range(len(acts)))],
        ["stage", *(str(act).replace("_", " ") for act in acts)],
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("turn")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    title, family = _title(measured.id)
    axes.set_title(title, family=family, parse_math=False, loc="left")
    figure.legend(handles=list(_legend(measured)), loc="outside right upper", frameon=False)
    with file.open("wb") as out:
        figure.savefig(out, format=picture_format)


def _draw_stages(axes: Any, measured: CoachReport) -> None:
    for turn, stage in enumerate(measured.stages, start=1):
        axes.barh(_STAGE_ROW, 0.94, left=turn - 0.47, height=0.9, color=MARKS[stage].fill)
        if measured.turns * _INCHES_A_TURN <= _MOST_INCHES:
            axes.text(turn, _STAGE_ROW, MARKS[stage].letter, ha="center", va="center", fontsize=8)
    early = [turn + 1 for turn in early_turns(measured)]
    axes.scatter(early, [_EARLY_ROW] * len(early), marker="v", s=45, color="#b00020", gid="early")


def _draw_acts(axes: Any, measured: CoachReport, acts: list[CoachingAct]) -> None:
    for row, act in enumerate(acts):
        turns = [turn for turn, done in enumerate(measured.acts, start=1) if act in done]
        marker, colour = ("X", "#b00020") if act in _ALARMING else ("o", "#444444")
        places = [_FIRST_ACT_ROW + row] * len(turns)
        axes.scatter(turns, places, marker=marker, s=16, color=colour)


def _legend(measured: CoachReport) -> Iterator[Any]:
    """Only what occurs, in the order of the stages."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    for stage, mark in MARKS.items():
        if stage in measured.stages:
            yield Patch(facecolor=mark.fill, label=f"{mark.letter}  {stage or UNKNOWN}")
    if measured.advice_early:
        yield Line2D(
            [], [], linestyle="", marker="v", markersize=7, color="#b00020", label="early advice"
        )


def _title(identity: str) -> tuple[str, str]:
    """An id on one line, and a font that has its characters."""
    font_manager: Any = import_module("matplotlib.font_manager")
    shown = "".join(c if c.isprintable() else " " for c in identity)
    if len(shown) > _LONGEST_TITLE:
        shown = shown[: _LONGEST_TITLE - 1] + "…"
    default = "DejaVu Sans"  # comes with matplotlib
    paths = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    for family in (default, *_HAN_FONTS):
        if family in paths and not _lacking(shown, paths[family]):
            return shown, family
    lacking = _lacking(shown, font_manager.findfont(default))
    return "".join(_NO_GLYPH if c in lacking else c for c in shown), default


def _lacking(text: str, font_file: str) -> set[str]:
    """The characters of a text that a font cannot draw."""
    font_manager: Any = import_module("matplotlib.font_manager")
    has = font_manager.get_font(font_file).get_charmap()
    return {c for c in text if ord(c) not in has}


__all__ = ["MARKS", "UNKNOWN", "Mark", "PictureFormat", "draw_timeline", "early_turns"]
