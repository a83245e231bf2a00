"""The page: one HTML file that loads nothing, runs nothing, and escapes what was said."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from typing import Any

from qiaoban_finetune.evaluate.printing import chance, number, span
from qiaoban_finetune.evaluate.report.pictures import bar, legend, timeline
from qiaoban_finetune.evaluate.report.summary import Row, Summary
from qiaoban_guards.errors import MissingExtraError

_SCALE = (1.0, 5.0)
_MOST_TIMELINES = 60


def page(whole: Summary) -> str:
    """The report as HTML. Raises MissingExtraError without jinja2."""
    try:
        jinja2: Any = import_module("jinja2")
    except ImportError as error:
        raise MissingExtraError("a report as a page", "evaluate") from error
    source = files("qiaoban_finetune.evaluate") / "report" / "page.html.j2"
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "span": span, "chance": chance}
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return str(
        template.render(
            whole=whole,
            run=whole.run,
            bar_of=_bar,
            timeline=timeline,
            legend=legend(),
            courses=_courses(whole),
        )
    )


def _bar(row: Row) -> dict[str, float] | None:
    one = row.estimate
    if one is None:
        return None
    if row.judge:
        return bar(one, *_SCALE)
    if row.measure.kind == "share" or (one.low >= 0 and one.high <= 1):
        return bar(one, 0.0, 1.0)
    return None


def _courses(whole: Summary) -> list[dict[str, Any]]:
    """The sessions of many turns, whose course is worth a picture."""
    return [
        {
            "id": item.id,
            "labels": item.labels,
            "values": item.values,
            "timeline": timeline(item.talk),
        }
        for result in whole.run.results
        if result.task == "children"
        for item in result.items
        if item.talk is not None
    ][:_MOST_TIMELINES]
