"""`qiaoban guard --reply`, as a person and as a pipe use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GUARD = [sys.executable, "-m", "qiaoban_agent", "guard", "--reply"]
CHILD, KIND, UNKIND = "我考砸了", "谢谢你告诉我，听起来你很难过。", "你真是个废物。"
POINTS = "1. 先睡一觉。 2. 再吃饭。"
PLAIN = """
extends: default
id: plain
remove: {output.rules: [reply_classifier]}
examples: []
"""
STRICT = """
extends: default
id: strict
title: Strict
output:
  rules:
  - {id: no_thanks, kind: pattern, harm: guilt, reason: for a test, any: [谢谢你告诉我]}
remove: {output.rules: [reply_classifier]}
examples: []
"""


def guard(*arguments: str | Path, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*GUARD, *map(str, arguments)], input=typed, capture_output=True, timeout=120, check=False
    )


def answers(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.decode().splitlines()]


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join(done.stderr.decode().replace("│", " ").split())


def write(path: Path, records: list[Any]) -> Path:
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text(text + "\n", encoding="utf-8")
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The shipped policy without the classifier, whose model changes."""
    path = tmp_path / "plain.yaml"
    path.write_text(PLAIN, encoding="utf-8")
    return path


def pair(reply: object, label: object = None, **more: object) -> dict[str, object]:
    labelled = {} if label is None else {"label": label}
    return {"child": CHILD, "reply": reply, **labelled, **more}


def test_each_reply_is_answered_by_one_line(tmp_path: Path, plain: Path) -> None:
    talk = [{"role": "user", "content": CHILD}, {"role": "assistant", "content": UNKIND}]
    asked = [pair(KIND, id="a"), pair(UNKIND), {"id": 3, "messages": talk}, pair(POINTS)]
    done = guard(write(tmp_path / "asked.jsonl", asked), "--policy", plain)
    assert (done.returncode, done.stderr) == (0, b"")
    answered = answers(done.stdout)
    assert [one["allowed"] for one in answered] == [True, False, False, True]
    assert [one.get("id") for one in answered] == ["a", None, 3, None]
    assert [one["action"] for one in answered] == ["allow", "replace", "replace", "drop"]
    assert [one["harm"] for one in answered] == [None, "insult", "insult", None]
    assert answered[3]["rules"] == ["list_speak"]


def test_the_shipped_policy_is_asked_by_default() -> None:
    [answer] = answers(guard("-", typed=json.dumps(pair(UNKIND)).encode()).stdout)
    assert not answer["allowed"]
    assert "insult" in answer["rules"]
    assert answer["scores"]["insult"] <= 1


def test_malformed_lines_keep_their_place_and_make_the_status_1() -> None:
    typed = json.dumps(pair(KIND)).encode() + b'\n{not json\n\n{"id": 4, "reply": "hi"}\n'
    done = guard("-", typed=typed)
    assert done.returncode == 1
    first, second, third = answers(done.stdout)
    assert "allowed" in first
    assert second == {"error": "not JSON at column 2", "line": 2}
    assert third == {"id": 4, "error": "child is not a string", "line": 4}
    assert "-: 2 of 3 lines could not be judged" in done.stderr.decode()


def test_a_policy_of_ones_own_decides(tmp_path: Path) -> None:
    policy = tmp_path / "strict.yaml"
    policy.write_text(STRICT, encoding="utf-8")
    done = guard("-", "--policy", policy, typed=json.dumps(pair(KIND)).encode())
    assert done.returncode == 0, done.stderr.decode()
    [answer] = answers(done.stdout)
    assert (answer["allowed"], answer["rules"], answer["harm"]) == (False, ["no_thanks"], "guilt")
    assert answer["scores"] == {}


@pytest.mark.slow
def test_two_processes_keep_the_order(tmp_path: Path) -> None:
    policy = tmp_path / "strict.yaml"
    policy.write_text(STRICT, encoding="utf-8")
    asked = [pair((KIND, POINTS, 3)[n % 3], id=n) for n in range(300)]
    file, out = write(tmp_path / "asked.jsonl", asked), tmp_path / "out.jsonl"
    done = guard(file, "--jobs", "2", "--output", out, "--policy", policy)
    assert (done.returncode, done.stdout) == (1, b"")
    answered = answers(out.read_bytes())
    assert [one["id"] for one in answered] == list(range(300))
    assert [one.get("allowed") for one in answered] == [
        (False, True, None)[n % 3] for n in range(300)
    ]


def test_rules_about_coaching_are_carried_out(tmp_path: Path) -> None:
    policy = tmp_path / "acts.yaml"
    rule = "{id: early, kind: acts, action: drop, reason: for a test, acts: [advice]}"
    policy.write_text(f"{PLAIN}output: {{rules: [{rule}]}}\n", encoding="utf-8")
    done = guard("-", "--policy", policy, typed=json.dumps(pair("你可以先去告诉老师。")).encode())
    assert done.returncode == 0, done.stderr.decode()
    assert "early" in answers(done.stdout)[0]["rules"]


def test_guard_models_that_are_not_asked_are_told(tmp_path: Path) -> None:
    policy = tmp_path / "model.yaml"
    rule = "{id: remote, kind: guard_model, reason: for a test, adapter: shieldlm, model: m}"
    policy.write_text(f"{PLAIN}output: {{rules: [{rule}]}}\n", encoding="utf-8")
    done = guard("-", "--policy", policy, typed=json.dumps(pair(KIND)).encode())
    assert done.returncode == 0, done.stderr.decode()
    assert "output.rules.remote" in done.stderr.decode()
    assert answers(done.stdout)[0]["allowed"]


def test_what_cannot_be_used_is_told_before_anything_is_judged(tmp_path: Path) -> None:
    file = write(tmp_path / "asked.jsonl", [pair(KIND)])
    broken = tmp_path / "broken.yaml"
    broken.write_text("extends: default\noutptu: {}\n", encoding="utf-8")
    for arguments, remedy in [
        ((tmp_path / "none.jsonl",), "does not exist"),
        ((file, "--from", "high"), "--from is for messages"),
        ((file, "--policy", "defualt"), "did you mean 'default'"),
        ((file, "--policy", broken), "outptu"),
        ((file, "--plot", tmp_path / "p.png"), "--plot needs --evaluate"),
        ((file, "--output", file), "would be overwritten"),
    ]:
        done = guard(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert remedy in told(done)
        assert "Traceback" not in told(done)


def test_an_evaluation_shows_a_table_and_draws_a_plot(tmp_path: Path, plain: Path) -> None:
    pytest.importorskip("matplotlib")
    asked = [
        pair(KIND, "safe"),
        pair(POINTS, label=False),
        pair(UNKIND, "insult"),
        pair(UNKIND, "victim_blame"),
        pair(UNKIND, "unsafe"),
    ]
    done = guard(write(tmp_path / "asked.jsonl", asked), "--evaluate", "--policy", plain)
    assert done.returncode == 0, done.stderr.decode()
    assert len(answers(done.stdout)) == 5
    table = done.stderr.decode()
    for words in (
        "not allowed by plain",
        "overall",
        "insult",
        "victim_blaming",
        "1.000 [0.438–1.000]",  # three of three harmful ones
        "the right kind among the hits of a known one: 0.500",
        "labelled without a kind, so counted overall only: 1",
    ):
        assert words in table
    assert (tmp_path / "asked.jsonl.confusion.png").read_bytes().startswith(b"\x89PNG")


def test_unknown_labels_are_told_and_make_the_status_1(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = write(tmp_path / "asked.jsonl", [pair(KIND, "self_harm"), pair(KIND)])
    done = guard(file, "--evaluate")
    assert done.returncode == 1
    assert "unknown label 'self_harm', lines left out: 1" in done.stderr.decode()
    assert "unknown label (no label), lines left out: 1" in done.stderr.decode()
