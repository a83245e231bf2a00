"""PsyQA (github.com/thu-coai/PsyQA): a question, its description, and answers with strategies.

Every answer is a dialogue of its own. Which strategy of help (Hill 2009) stands where in an answer
is kept in `Message.strategy`, as `Interpretation 0:78, Direct Guidance 78:190`: characters of the
text, the end not included. `strategies` reads it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.formats.fields import identity, items, optional, text, told, wrong
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import Place
from qiaoban_guards.documents import nearest

STRATEGIES = (
    "Approval and Reassurance",
    "Interpretation",
    "Direct Guidance",
    "Restatement",
    "Information",
    "Self-disclosure",
    "Others",
)
"""The types of PsyQA's annotation."""


class Span(NamedTuple):
    """A part of an answer and the strategy it follows; characters, `end` not included."""

    strategy: str
    start: int
    end: int


def strategies(message: Message) -> list[Span]:
    """The spans of a message that was read from PsyQA; none where it has no annotation."""
    spans: list[Span] = []
    for part in filter(None, message.strategy.split(", ")):
        name, _, place = part.rpartition(" ")
        start, _, end = place.partition(":")
        spans.append(Span(name, int(start), int(end)))
    return spans


def parse(record: Record, place: Place) -> Iterator[Dialogue]:
    """A dialogue for each answer; `ID-2` is the second of several."""
    question = text(record, "question", place)
    description = optional(record, "description", place)
    asked = f"{question}\n{description}" if description.strip() else question
    name = identity(record, "questionID", place)
    known = told(record, place)
    known.setdefault("topic", optional(record, "keywords", place))
    answers = items(record, "answers", place, "answers")
    for number, answer in enumerate(answers):
        key = f"answers[{number}]"
        if not isinstance(answer, dict):
            raise wrong(answer, "an object with 'answer_text'", place, key)
        fields = cast("Record", answer)
        said = text(fields, "answer_text", place, prefix=key)
        reply = Message("assistant", said, strategy=_annotated(fields, len(said), place, key))
        one = name if len(answers) == 1 else f"{name}-{number + 1}"
        yield Dialogue(one, (Message("user", asked), reply), **known)


def _annotated(answer: Record, length: int, place: Place, key: str) -> str:
    labels: object = answer.get("labels_sequence")
    if labels is None and not answer.get("has_label"):
        return ""
    key = f"{key}.labels_sequence"
    if not isinstance(labels, list):
        raise wrong(labels, "a list of spans, or has_label: false", place, key)
    spans: list[str] = []
    behind = 0
    for number, label in enumerate(cast("list[object]", labels)):
        span = _span(label, place, f"{key}[{number}]")
        if not behind <= span.start < span.end <= length:
            raise place.refused(
                f"{span.start}:{span.end} is no part of the {length} characters behind {behind}; "
                "spans follow each other within the text",
                f"{key}[{number}]",
            )
        behind = span.end
        spans.append(f"{span.strategy} {span.start}:{span.end}")
    return ", ".join(spans)


def _span(label: object, place: Place, key: str) -> Span:
    if not isinstance(label, dict):
        raise wrong(label, "an object of start, end and type", place, key)
    fields = cast("dict[str, object]", label)
    strategy, start, end = (fields.get(name) for name in ("type", "start", "end"))
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        near = nearest(str(strategy), STRATEGIES)
        raise place.refused(f"{strategy!r} is none of {', '.join(STRATEGIES)}{near}", f"{key}.type")
    if type(start) is not int or type(end) is not int:
        raise place.refused("has no whole numbers 'start' and 'end'; write both", key)
    return Span(strategy, start, end)
