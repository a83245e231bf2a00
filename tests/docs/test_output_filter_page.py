"""The page about the output filter: its policy can be used, its table is whole and holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qiaoban_guards.harms import Harm
from qiaoban_guards.output.reply import ReplyJudge
from qiaoban_guards.policy import load_policy, parse_policy

PAGE = (Path(__file__).parents[2] / "docs" / "output-filter.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, flags=re.MULTILINE)
KINDS = {kind: (harmful, harmless) for kind, _, harmful, harmless in ROWS if "→" in harmful}
PAIR = re.compile(r"“([^“”]+)” → “([^“”]+)”")
JUDGE = ReplyJudge.of(load_policy())


def test_every_kind_of_harm_stands_there_in_order() -> None:
    assert [*KINDS] == [str(harm) for harm in Harm]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_harmful_is_withheld_and_its_twin_is_not(kind: str) -> None:
    harmful, harmless = (PAIR.findall(cell) for cell in KINDS[kind])
    assert len(harmful) == len(harmless) == 2
    for child, reply in harmful:
        assert not JUDGE.judge(child, reply).allowed, reply
    for child, reply in harmless:
        assert JUDGE.judge(child, reply).allowed, reply


def test_the_policy_can_be_used() -> None:
    [fence] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert parse_policy(fence).id == "our-app"
