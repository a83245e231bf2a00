"""Scores stay with their items, whatever order they come in."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from qiaoban_finetune.evaluate.evaluation import Asked, evaluate
from qiaoban_finetune.evaluate.judges.judge import judge_from
from qiaoban_finetune.evaluate.subjects import bare_model
from tests.finetune.evaluate.files import dialogue, lines
from tests.finetune.evaluate.judge_server import JudgeWire, judging

pytest.importorskip("inspect_ai")
ITEMS = 12


def _by_what_was_asked(wire: JudgeWire) -> None:
    """The later an item, the sooner its score; fluency sees no item."""
    found = re.search(r"找了(\d+)天", wire.asked)
    number = int(found[1]) if found else 0
    time.sleep(0.005 * (ITEMS - number))
    if number == 3:
        wire.answer("我不打分")
    else:
        wire.answer(json.dumps({"reason": f"第{number}条", "score": 1 + number % 5}))


@pytest.mark.slow
def test_each_item_has_the_score_of_its_own_talk_and_a_judge_may_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = lines(tmp_path / "items.jsonl", [dialogue(n) for n in range(1, ITEMS + 1)])
    with judging(monkeypatch, _by_what_was_asked):
        run = evaluate(
            [Asked("dialogue", "zh", file)],
            lambda language: bare_model("replies:bad", language),
            tmp_path / "run",
            judges=[judge_from("openai:judge")],
            at_once=ITEMS,
        )
    [result] = run.results
    assert [item.id for item in result.items] == [
        f"dialogue-zh-{n:03}" for n in range(1, ITEMS + 1)
    ]
    for number, item in enumerate(result.items, start=1):
        expected = None if number == 3 else 1 + number % 5
        assert item.values["empathy (judge)"] == expected
        assert item.values["fluency (judge)"] == 1.0
        told = "no score in 3 answers" if number == 3 else f"第{number}条"
        assert item.why["consistency (judge)"] == told
    [card] = run.judges
    assert (card.name, card.protocol, card.agreement) == ("judge", "structured", {})
