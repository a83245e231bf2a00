"""Dialogues cleaned a minute on two cores, step by step.

    pytest tests/benchmarks/test_cleaning.py --benchmark-enable -s

Made-up dialogues of 8 messages with 12 to 30 characters. Told are a processor's milliseconds a
dialogue for the layout alone (the baseline), and with each guard and near-duplicates added; from
them the rate of two idle cores follows, which is what is asked (20,000 a minute).
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.run import clean
from qiaoban_finetune.clean.source import Raw
from qiaoban_finetune.clean.steps import Cleaner

pytestmark = pytest.mark.slow
pytest.importorskip("datasketch")

CHILD = (
    "今天数学考砸了，我不敢回家",
    "同桌把我的笔弄断了还不道歉",
    "我画了一幅画，可是没有人看",
    "明天要上台演讲，我好紧张啊",
    "我的小猫跑丢了，找了好几天",
    "没有人愿意跟我一起玩跳绳",
)
REPLIES = (
    "听起来你心里很不好受，愿意跟我多说一点吗？",
    "嗯，换成是我也会难过的。后来发生了什么呢？",
    "谢谢你愿意告诉我，我在这里听你慢慢说。",
    "你当时一定很着急吧，那种感觉很正常。",
)
EVENTS = "走路吃饭写字画画唱歌跑步下棋读书种花看云数星星搭积木捉迷藏放风筝堆雪人"
STEPS: dict[str, dict[str, Any]] = {
    "layout, language, parents": {
        "personal_data": "keep",
        "harmful": "keep",
        "early_advice": "keep",
        "near_duplicates": None,
    },
    "and near-duplicates": {
        "personal_data": "keep",
        "harmful": "keep",
        "early_advice": "keep",
    },
    "and early advice": {"personal_data": "keep", "harmful": "keep"},
    "and both guards": {"personal_data": "keep"},
    "and personal data (all)": {},
}


def dialogues(count: int) -> list[dict[str, Any]]:
    draw = Random(0)
    made: list[dict[str, Any]] = []
    for number in range(count):
        messages: list[dict[str, str]] = []
        for _ in range(4):
            event = "".join(draw.choices(EVENTS, k=6))
            messages.append({"role": "user", "content": f"{draw.choice(CHILD)}，{event}"})
            messages.append({"role": "assistant", "content": draw.choice(REPLIES)})
        made.append({"id": f"d{number}", "messages": messages})
    return made


def test_a_processors_time(request: pytest.FixtureRequest) -> None:
    measuring = bool(request.config.getoption("--benchmark-enable"))
    raws = [
        Raw("d.jsonl", n, n, json.dumps(one, ensure_ascii=False).encode())
        for n, one in enumerate(dialogues(600 if measuring else 20), 1)
    ]
    print()  # noqa: T201
    for name, told in STEPS.items():
        cleaner = Cleaner(CleanConfig.model_validate(told))
        for raw in raws[: len(raws) // 3]:  # rules are compiled when they are first needed
            cleaner.clean(raw)
        began = time.process_time()
        for raw in raws[len(raws) // 3 :]:
            cleaner.clean(raw)
        each = (time.process_time() - began) / (len(raws) - len(raws) // 3)
        print(  # noqa: T201
            f"{name:<28}{each * 1e3:>8.2f} ms, {2 * 60 / each:>10,.0f} a minute on two cores"
        )


def test_a_minute_on_two_cores(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    measuring = bool(request.config.getoption("--benchmark-enable"))
    count = 6_000 if measuring else 80
    source = tmp_path / "d.jsonl"
    lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in dialogues(count))
    source.write_text("".join(lines), encoding="utf-8")
    began = time.perf_counter()
    report = clean(source, tmp_path / "out.jsonl", CleanConfig(), jobs=2 if measuring else 1)
    took = time.perf_counter() - began
    assert report.records == count
    print(f"\n{count:,} dialogues in {took:.1f} s: {60 * count / took:,.0f} a minute")  # noqa: T201
