"""Dialogues to clean, and sets with near-duplicates planted in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_finetune.clean.source import Raw
from qiaoban_finetune.clean.steps import Cleaner

CALM = ["今天数学考砸了", "听起来你有点失落。", "嗯，我复习了很久", "努力了还这样，是会难受的。"]
CHARACTERS = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能"
    "对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开手十月春风雨雪山水花草鸟虫鱼书画歌舞"
)


def record(*said: str, **more: Any) -> dict[str, Any]:
    """A dialogue in OpenAI's layout, the child first."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return {"id": "d", "messages": messages, **more}


def raw(value: object, number: int = 1) -> Raw:
    """A record as it stands in a file."""
    return Raw("set.jsonl", number, number, json.dumps(value, ensure_ascii=False).encode())


def cleaned(value: object, **config: Any) -> Outcome:
    """What becomes of one record; personal data and harm are looked for where asked."""
    told = {"personal_data": "keep", "harmful": "keep", "early_advice": "keep", **config}
    return Cleaner(CleanConfig.model_validate(told)).clean(raw(value))


def texts(outcome: Outcome) -> list[str]:
    """What is said in the dialogue that is left."""
    assert outcome.dialogue is not None, (outcome.reason, outcome.sample)
    return [message.text for message in outcome.dialogue.messages]


def write_lines(file: Path, values: Iterable[object]) -> Path:
    """A file of JSON Lines."""
    lines = (json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    file.write_text("".join(lines), encoding="utf-8")
    return file


def planted(
    bases: Sequence[list[str]], draw: Random, *, near: int
) -> tuple[list[list[str]], set[int]]:
    """The dialogues with `near` edited copies among them, and the numbers (from 1) of those.

    A copy has a twelfth of its characters changed in runs, or one message of its own, or other
    punctuation, or lacks its first exchange.
    """
    marked: list[tuple[list[str], int]] = [(base, 0) for base in bases]
    marked += [(_edited(draw.choice(bases), draw), 1) for _ in range(near)]
    first, rest = marked[: len(bases)], marked[len(bases) :]
    for one in rest:
        first.insert(draw.randrange(len(bases) // 2, len(first)), one)
    # A copy that came before its original would make that one the near-duplicate.
    ordered = sorted(first, key=lambda pair: pair[1])
    return [said for said, _ in ordered], {n for n, (_, copy) in enumerate(ordered, 1) if copy}


def _edited(said: list[str], draw: Random) -> list[str]:
    kind = draw.randrange(3)
    if kind == 0:
        return [_replaced(text, draw) for text in said]
    if kind == 1:
        at = draw.randrange(len(said))
        return [*said[:at], "".join(draw.choices(CHARACTERS, k=12)), *said[at + 1 :]]
    return [text.replace("，", " ").replace("。", "！") for text in said]


def _replaced(text: str, draw: Random) -> str:
    if len(text) < 12:
        return text
    at = draw.randrange(len(text) - 2)
    return text[:at] + "".join(draw.choices(CHARACTERS, k=2)) + text[at + 2 :]
