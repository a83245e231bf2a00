"""One small record of every format, and the dialogues it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qiaoban_finetune.dialogue import Dialogue, Message

CHILD, COACH = "我的积木倒了。", "搭了那么久，你一定很难过。"
ASKED, TOLD = Message("user", CHILD), Message("assistant", COACH)

RECORDS: Mapping[str, Mapping[str, Any]] = {
    "qiaoban": {
        "dialog_id": 5,
        "emotion": "sad",
        "topic": "积木",
        "dialog": [
            {"text": CHILD, "speaker": "孩子"},
            {"text": COACH, "speaker": "智能助手"},
        ],
    },
    "qiaoban_input": {"input": f"你很温和。孩子：{CHILD}</s>智能助手：{COACH}</s>"},
    "belle": {
        "id": "b-1",
        "conversations": [
            {"from": "human", "value": CHILD},
            {"from": "assistant", "value": COACH},
        ],
    },
    "alpaca": {"instruction": CHILD, "input": "", "output": COACH},
    "sharegpt": {
        "id": "s-1",
        "conversations": [
            {"from": "system", "value": "Be kind."},
            {"from": "human", "value": CHILD},
            {"from": "gpt", "value": COACH},
        ],
    },
    "openai": {
        "messages": [
            {"role": "user", "content": CHILD, "emotion": "sad"},
            {"role": "assistant", "content": COACH, "strategy": "label the emotion"},
        ],
    },
    "psyqa": {
        "question": "积木倒了怎么办？",
        "description": CHILD,
        "keywords": "情绪,积木",
        "answers": [
            {"answer_text": "不要紧。", "has_label": False, "labels_sequence": None},
            {
                "answer_text": COACH,
                "has_label": True,
                "labels_sequence": [
                    {"start": 0, "end": 6, "type": "Restatement"},
                    {"start": 6, "end": 13, "type": "Approval and Reassurance"},
                ],
            },
        ],
        "questionID": 7,
    },
    "smile": {
        "id": "case_1",
        "messages": [
            {"role": "client", "content": CHILD},
            {"role": "counselor", "content": COACH},
        ],
    },
    "pica": {
        "task_type": "txt_clf",
        "dataset": "toy",
        "instruction": "Which emotion is it?",
        "instances": [{"input": CHILD, "output": "sad"}],
        "is_classification": True,
        "name": "toy-classification",
    },
}

_QUESTION = Message("user", f"积木倒了怎么办？\n{CHILD}")
DIALOGUES: Mapping[str, Sequence[Dialogue]] = {
    "qiaoban": [Dialogue("5", (ASKED, TOLD), emotion="sad", topic="积木")],
    "qiaoban_input": [
        Dialogue("data.jsonl:1", (Message("system", "你很温和。"), ASKED, TOLD)),
    ],
    "belle": [Dialogue("b-1", (ASKED, TOLD))],
    "alpaca": [Dialogue("data.jsonl:1", (ASKED, TOLD))],
    "sharegpt": [Dialogue("s-1", (Message("system", "Be kind."), ASKED, TOLD))],
    "openai": [
        Dialogue(
            "data.jsonl:1",
            (
                Message("user", CHILD, "sad"),
                Message("assistant", COACH, strategy="label the emotion"),
            ),
        )
    ],
    "psyqa": [
        Dialogue("7-1", (_QUESTION, Message("assistant", "不要紧。")), topic="情绪,积木"),
        Dialogue(
            "7-2",
            (
                _QUESTION,
                Message(
                    "assistant",
                    COACH,
                    strategy="Restatement 0:6, Approval and Reassurance 6:13",
                ),
            ),
            topic="情绪,积木",
        ),
    ],
    "smile": [Dialogue("case_1", (ASKED, TOLD))],
    "pica": [
        Dialogue(
            "data.jsonl:1",
            (Message("system", "Which emotion is it?"), ASKED, Message("assistant", "sad")),
            task="txt_clf",
            source="toy",
        )
    ],
}


def lines_of(path: Path, *records: Any) -> Path:
    """A JSON Lines file of records."""
    path.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
        encoding="utf-8",
    )
    return path


def array_of(path: Path, *records: Any) -> Path:
    """A JSON array of records, indented as QiaoBan's is."""
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    return path
