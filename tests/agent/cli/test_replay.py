"""`qiaoban replay`: one JSON line a turn, malformed lines named and skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

KEYS = [
    "id",
    "turn",
    "child",
    "risk",
    "session_risk",
    "stage",
    "emotion",
    "escalated",
    "reply",
    "degraded",
    "ms",
]


def replay(path: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(
        [sys.executable, "-m", "qiaoban_agent", "replay", str(path), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_each_line_is_one_session_and_each_turn_one_line(tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    sessions: list[dict[str, Any]] = [
        {"id": "a", "child": ["爸爸打我", "我想吃冰淇淋"]},
        {"id": "a", "child": ["你好"]},
        {"id": 7, "child": ["我考砸了"], "note": "more keys are no fault"},
    ]
    file.write_text(
        "\n".join(json.dumps(s, ensure_ascii=False) for s in sessions) + "\n\n", encoding="utf-8"
    )
    code, turns, errors = replay(file)
    assert code == 0
    assert errors == ""
    assert [(turn["id"], turn["turn"]) for turn in turns] == [("a", 1), ("a", 2), ("a", 1), (7, 1)]
    assert all(list(turn) == KEYS for turn in turns)
    assert [turn["escalated"] for turn in turns] == [True, True, False, False]
    assert turns[0]["risk"]["level"] == "high"
    assert turns[0]["risk"]["categories"] == ["abuse"]
    assert turns[0]["risk"]["findings"][0]["span"]
    assert all(turn["reply"] and turn["ms"] > 0 for turn in turns)


def test_malformed_lines_are_named_skipped_and_make_the_status_1(tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    bad: list[bytes] = [
        b'{"id": "a", "child": ["hi"]}',
        b"{not json",
        b'{"id": "b"}',
        b'{"child": ["hi"]}',
        b'{"id": "c", "child": "hi"}',
        b'{"id": "d", "child": []}',
        b'{"id": "e", "child": [3]}',
        b'["id", "child"]',
        b'{"id": "f", "child": ["\xff"]}',
        b'{"id": "g", "child": ["hi"]}',
    ]
    file.write_bytes(b"\n".join(bad))
    code, turns, errors = replay(file)
    assert code == 1
    assert [turn["id"] for turn in turns] == ["a", "g"]
    for number in range(2, 10):
        assert f"{file}:{number}: skipped" in errors
    assert "Traceback" not in errors


def test_a_long_file_has_a_progress_bar_on_standard_error(tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    file.write_text('{"id": "a", "child": ["hi"]}\n' * 60, encoding="utf-8")
    code, turns, errors = replay(file)
    assert code == 0
    assert len(turns) == 60
    assert "60/60" in errors


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    code, turns, errors = replay(tmp_path / "none.jsonl")
    assert (code, turns) == (2, [])
    assert "does not exist" in " ".join(errors.split())
