"""The page on coaching tells the machine as it is."""

from __future__ import annotations

import re
from pathlib import Path

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import TRANSITIONS

PAGE = (Path(__file__).parents[2] / "docs" / "coaching.md").read_text(encoding="utf-8")


def test_the_table_has_every_transition_in_its_order() -> None:
    rows = re.findall(r"^\| \d+ \| [^|]+ \| [^|]+ \| (\w+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert rows == [(str(t.to), t.reason) for t in TRANSITIONS]


def test_the_emotions_stand_under_what_is_done_with_them() -> None:
    told = {"savoured": "positive", "coached": "negative", "neither": "neutral"}
    rows = re.findall(r"^\| (\w+) \| ([a-z, ]+) \| (\w+)", PAGE, re.MULTILINE)
    seen = {
        Emotion(name): (basic, told[word])
        for basic, names, word in rows
        if word in told
        for name in names.split(", ")
    }
    assert seen == {e: (e.basic, e.valence) for e in Emotion if e is not Emotion.NONE}
