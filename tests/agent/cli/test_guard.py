"""`qiaoban guard`, as a person and as a pipe use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GUARD = [sys.executable, "-m", "qiaoban_agent", "guard"]
GRAVE, HARMLESS = "我想自杀", "今天吃了西瓜"


def guard(*arguments: str | Path, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*GUARD, *map(str, arguments)], input=typed, capture_output=True, timeout=120, check=False
    )


def answers(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.decode().splitlines()]


def write(path: Path, records: list[Any]) -> Path:
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def labelled(path: Path, *more: dict[str, Any]) -> Path:
    records = [{"text": GRAVE, "label": "self_harm"}, {"text": HARMLESS, "label": "safe"}]
    return write(path, [*records, {"text": GRAVE, "label": True}, *more])


def test_each_line_is_answered_by_one_line(tmp_path: Path) -> None:
    asked: list[Any] = [
        {"id": "a", "text": GRAVE},
        {"text": HARMLESS},
        {
            "id": 3,
            "messages": [{"role": "user", "content": HARMLESS}, {"role": "x", "content": GRAVE}],
        },
    ]
    done = guard(write(tmp_path / "asked.jsonl", asked))
    assert (done.returncode, done.stderr) == (0, b"")
    answered = answers(done.stdout)
    assert [one["flagged"] for one in answered] == [True, False, True]
    assert [one.get("id") for one in answered] == ["a", None, 3]
    assert answered[0]["category"] == answered[0]["findings"][0]["category"] == "self_harm"


def test_what_came_before_counts() -> None:
    before = {"role": "user", "content": "我不想活了"}
    now = {"role": "user", "content": "我在楼顶"}
    lines = [
        {"messages": [now]},
        {"messages": [before, {"role": "assistant", "content": "…"}, now]},
    ]
    alone, after = answers(
        guard("-", typed=b"\n".join(json.dumps(x).encode() for x in lines)).stdout
    )
    assert not alone["flagged"]
    assert after["level"] == "imminent"


def test_malformed_lines_keep_their_place_and_make_the_status_1() -> None:
    typed = b'{"text": "hi"}\n{not json\n\n{"id": 4, "text": 4}\n{"text": "hi"}'
    done = guard("-", typed=typed)
    assert done.returncode == 1
    first, second, third, fourth = answers(done.stdout)
    assert (first["level"], fourth["level"]) == ("none", "none")
    assert second == {"error": "not JSON at column 2", "line": 2}
    assert third == {"id": 4, "error": "text is not a string", "line": 4}
    assert "-: 2 of 4 lines could not be judged" in done.stderr.decode()


def test_many_malformed_lines_are_told_in_few_words() -> None:
    done = guard("-", typed=b"{}\n" * 1000)
    assert len(answers(done.stdout)) == 1000
    assert len(done.stderr.decode().splitlines()) == 12


@pytest.mark.slow
def test_two_processes_keep_the_order(tmp_path: Path) -> None:
    asked = [{"id": n, "text": (GRAVE, HARMLESS, 3)[n % 3]} for n in range(500)]
    file, out = write(tmp_path / "asked.jsonl", asked), tmp_path / "out.jsonl"
    done = guard(file, "--jobs", "2", "--output", out)
    assert (done.returncode, done.stdout) == (1, b"")
    answered = answers(out.read_bytes())
    assert [one["id"] for one in answered] == list(range(500))
    assert [one.get("flagged") for one in answered] == [
        (True, False, None)[n % 3] for n in range(500)
    ]


def test_from_moves_the_line() -> None:
    typed = json.dumps({"text": GRAVE}).encode()
    flagged = [
        answers(guard("-", "--from", level, typed=typed).stdout)[0]["flagged"]
        for level in ("low", "imminent")
    ]
    assert flagged == [True, False]


def test_what_cannot_be_used_is_told_before_anything_is_judged(tmp_path: Path) -> None:
    file = labelled(tmp_path / "asked.jsonl")
    before = file.read_bytes()
    for arguments, told in [
        ((tmp_path / "none.jsonl",), "does not exist"),
        ((file, "--from", "none"), "none"),
        ((file, "--output", file), "would be overwritten"),
        ((file, "--output", tmp_path / "no" / "out"), "is not a folder"),
        ((file, "--plot", tmp_path / "p.png"), "--plot needs --evaluate"),
        ((file, "--jobs", "0"), "'--jobs'"),
        ((file, "--policy", "default"), "--policy needs --reply"),
        ((tmp_path,), "is a directory"),
    ]:
        done = guard(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert told in " ".join(done.stderr.decode().replace("│", " ").split())
    assert file.read_bytes() == before


def test_an_evaluation_shows_a_table_and_draws_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = labelled(tmp_path / "asked.jsonl")
    done = guard(file, "--evaluate")
    assert done.returncode == 0, done.stderr.decode()
    assert len(answers(done.stdout)) == 3
    table = done.stderr.decode()
    for words in (
        "overall",
        "self_harm",
        "1.000 [0.342–1.000]",
        "the right kind",
        "labelled without a kind",
    ):
        assert words in table
    assert (tmp_path / "asked.jsonl.confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_goes_where_the_lines_do_not(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file, plot = labelled(tmp_path / "asked.jsonl"), tmp_path / "p.png"
    done = guard(file, "--evaluate", "--output", tmp_path / "out", "--plot", plot)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "false alarms" in done.stdout.decode()
    assert plot.exists()


def test_unknown_labels_are_told_and_make_the_status_1(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = labelled(tmp_path / "asked.jsonl", {"text": "hi", "label": "[b]mild"}, {"text": "hi"})
    done = guard(file, "--evaluate")
    assert done.returncode == 1
    assert "unknown label '[b]mild', lines left out: 1" in done.stderr.decode()
    assert "unknown label (no label), lines left out: 1" in done.stderr.decode()


def test_without_the_extra_the_remedy_is_told_at_once(tmp_path: Path) -> None:
    file = labelled(tmp_path / "asked.jsonl")
    code = "import sys; sys.modules['matplotlib'] = None; from qiaoban_agent.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "guard", str(file), "--evaluate"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert 'pip install "qiaoban-agent[evaluate]"' in done.stderr.decode()
