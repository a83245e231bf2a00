"""Dialogues into a file of encoded examples, one after the other, in any number of processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from qiaoban_agent.models.transformers.formats import ChatFormat
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.encoding import IGNORED, Encoder, Example

_AT_ONCE = 512
"""Dialogues of one batch of the file, and of one task of a process."""
_NAMED = 1000
_IN_FLIGHT = 3


def write_tokens(
    file: Path, dialogues: Iterable[Dialogue], encoder: Encoder, processes: int = 1
) -> dict[str, Any]:
    """Write the examples of the dialogues in their order; give what `tokens.Facts` tells.

    A few hundred dialogues at a time are in memory. More than one process pays from some ten
    thousand dialogues on, since each has to import transformers first.
    """
    arrow: Any = import_module("pyarrow")
    counted = _Counted()
    schema = _schema(arrow)
    tasks = _tasks(dialogues)
    done = _alone(tasks, encoder) if processes == 1 else _together(tasks, encoder, processes)
    with arrow.OSFile(str(file), "wb") as sink, arrow.ipc.new_stream(sink, schema) as writer:
        for names, found in done:
            numbered = counted.add(names, found)
            writer.write_batch(_batch(arrow, schema, numbered))
    return asdict(counted)


@dataclass
class _Counted:
    dialogues: int = 0
    examples: int = 0
    tokens: int = 0
    learnt: int = 0
    shortened: int = 0
    too_long: int = 0
    too_long_ids: list[str] = field(default_factory=list[str])

    def add(self, names: list[str], found: list[list[Example]]) -> list[_Numbered]:
        numbered: list[_Numbered] = []
        for name, examples in zip(names, found, strict=True):
            for example in examples:
                learnt = sum(label != IGNORED for label in example.labels)
                numbered.append((example, self.dialogues, learnt))
                self.tokens += len(example.ids)
                self.learnt += learnt
                self.shortened += example.left_out > 0
            self.dialogues += 1
            self.examples += len(examples)
            if not examples:
                self.too_long += 1
                self.too_long_ids += [name][: _NAMED - len(self.too_long_ids)]
        return numbered


_Numbered = tuple[Example, int, int]
"""An example, the number of its dialogue from 0, and how many of its tokens are learnt."""
_Task = list[Dialogue]
_Done = tuple[list[str], list[list[Example]]]


def _tasks(dialogues: Iterable[Dialogue]) -> Iterator[_Task]:
    stream = iter(dialogues)
    while task := list(islice(stream, _AT_ONCE)):
        yield task


def _names(task: _Task) -> list[str]:
    return [dialogue.id for dialogue in task]


def _alone(tasks: Iterator[_Task], encoder: Encoder) -> Iterator[_Done]:
    for task in tasks:
        yield _names(task), [encoder.examples(dialogue) for dialogue in task]


def _together(tasks: Iterator[_Task], encoder: Encoder, processes: int) -> Iterator[_Done]:
    """The same in processes of their own; a few tasks wait at a time, however many there are."""
    given = (encoder.tokenizer, encoder.format, encoder.max_tokens)
    begin = partial(ProcessPoolExecutor, processes, get_context("spawn"))
    with begin(initializer=_begin, initargs=given) as pool:
        waiting: deque[tuple[list[str], Future[list[list[Example]]]]] = deque()
        for task in tasks:
            waiting.append((_names(task), pool.submit(_encode, task)))
            if len(waiting) >= _IN_FLIGHT * processes:
                names, future = waiting.popleft()
                yield names, future.result()
        for names, future in waiting:
            yield names, future.result()


_encoder: Encoder | None = None


def _begin(tokenizer: Any, chat_format: ChatFormat, max_tokens: int) -> None:
    global _encoder  # noqa: PLW0603 - a process of the pool has one
    _encoder = Encoder(tokenizer, chat_format, max_tokens)


def _encode(task: _Task) -> list[list[Example]]:
    assert _encoder is not None  # noqa: S101 - _begin has made it
    return [_encoder.examples(dialogue) for dialogue in task]


def _schema(arrow: Any) -> Any:
    return arrow.schema(
        [
            ("ids", arrow.list_(arrow.int32())),
            ("labels", arrow.list_(arrow.int32())),
            ("dialogue", arrow.string()),
            ("left_out", arrow.int32()),
            ("number", arrow.int64()),
            ("learnt", arrow.int32()),
        ]
    )


def _batch(arrow: Any, schema: Any, numbered: list[_Numbered]) -> Any:
    columns: list[list[Any]] = [
        [example.ids for example, _, _ in numbered],
        [example.labels for example, _, _ in numbered],
        [example.dialogue for example, _, _ in numbered],
        [example.left_out for example, _, _ in numbered],
        [number for _, number, _ in numbered],
        [learnt for _, _, learnt in numbered],
    ]
    return arrow.record_batch(
        [arrow.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)],
        schema=schema,
    )
