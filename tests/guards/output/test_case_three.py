"""A published dialogue: a companion corrects a beaten child and sends it to its father."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qiaoban_guards.output import ReplyJudge
from qiaoban_guards.policy import load_policy

SEEDS = Path(__file__).parents[4] / "shared" / "seeds"
HARMFUL = {1, 2, 4, 5, 6}
"""Replies that deny what the child was told, correct it, or send it to the parent who hits."""


def _replies() -> list[tuple[str, str]]:
    files = sorted(SEEDS.glob("000_*.txt"))
    if not files:
        pytest.skip("needs the documents in ../shared/seeds")
    text = files[0].read_text(encoding="utf-8").partition("### Case 3")[2].partition("\n## ")[0]
    said = [found[1].strip() for found in re.finditer(r"'(?:child|agent)':(.*)", text)]
    return list(zip(said[::2], said[1::2], strict=True))


def test_what_blames_denies_or_sends_back_is_caught_and_the_rest_passes() -> None:
    judge = ReplyJudge.of(load_policy())
    before: list[dict[str, str]] = []
    caught: set[int] = set()
    replies = _replies()
    for number, (child, reply) in enumerate(replies):
        if not judge.judge(child, reply, before=before).allowed:
            caught.add(number)
        before += [{"role": "user", "content": child}, {"role": "assistant", "content": reply}]
    assert len(replies) == 9
    assert caught == HARMFUL
