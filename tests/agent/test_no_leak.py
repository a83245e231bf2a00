"""Nothing of a model's reply is read ahead of its verdict, however its text comes in.

`tests/data/output/streams.jsonl`: 300 replies of eight shapes; in half of them stands a harmful
sentence, `never` being words of it that nobody may read.
"""

from __future__ import annotations

import codecs
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent import Companion, Policy
from qiaoban_agent.events import Degraded, Said
from qiaoban_agent.models import AsyncScripted, Pause, Scripted
from qiaoban_agent.models.base import Message
from qiaoban_guards.output import OutputRules, Segmenter, Spoken, Verdict
from tests.policies import unannounced

STREAMS = Path(__file__).parents[1] / "data" / "output" / "streams.jsonl"
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in STREAMS.read_text(encoding="utf-8").split("\n") if line
]
SHAPES = sorted({row["shape"] for row in ROWS})
CHUNKINGS = 34
"""Of each reply, half of them under each of the two policies: 10,200 in all."""

_FORM = ("wrong_language", "hard_to_read", "list_speak", "questions", "length")
SHIPPED = unannounced()
ONLY_HARM = unannounced({"output": {"rules": [{"id": rule, "remove": True} for rule in _FORM]}})
"""Form ends no reply here, so that a harm at the end of a long one is come to."""


@dataclass
class Diary:
    """What happened in a turn, in order."""

    entries: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    pieces: Sequence[str] = ()

    def note(self, what: str, text: str = "") -> None:
        self.entries.append((what, text))

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """A model that notes each piece before it gives it away."""
        self.note("opened")
        for piece in self.pieces:
            self.note("piece", piece)
            yield piece

    def judge(self, rules: OutputRules, sentence: str, spoken: Spoken) -> Verdict:
        """The rules, and a note of what they decided."""
        verdict = _verdict(rules, sentence, spoken)
        self.note("passed" if verdict.allowed else verdict.action, sentence)
        return verdict


_judge = OutputRules.judge
_known: dict[tuple[OutputRules, str, str, str, str, frozenset[str]], Verdict] = {}


def _verdict(rules: OutputRules, sentence: str, spoken: Spoken) -> Verdict:
    """A verdict depends on nothing else: ten thousand turns ask for few."""
    key = (rules, sentence, spoken.child, spoken.said, spoken.ahead, spoken.acts)
    if key not in _known:
        _known[key] = _judge(rules, sentence, spoken)
    return _known[key]


def bare(text: str) -> str:
    """A text without its blanks, which move from one sentence to the next."""
    return "".join(text.split())


def whole_sentences(text: str, policy: Policy) -> set[str]:
    """The sentences of a reply; a second one of a turn begins with the blank that parts them."""
    whole: set[str] = set()
    for reply in (text, f" {text}"):
        segmenter = Segmenter(policy.output.longest_sentence, policy.output.overlap)
        whole |= {bare(part) for part in (*segmenter.feed(reply), *segmenter.finish())}
    return whole


@dataclass
class Talk:
    """One companion that answers the same message with a model's reply in ever other pieces."""

    policy: Policy
    diary: Diary = field(default_factory=Diary)

    def __post_init__(self) -> None:
        self._companion = Companion(self.policy, model=self.diary)

    def said(self, child: str, pieces: Sequence[str]) -> list[Said]:
        """What the child reads; the diary has what came before each sentence of it."""
        self.diary.entries.clear()
        self.diary.pieces = pieces
        words: list[Said] = []

        def judge(rules: OutputRules, sentence: str, spoken: Spoken) -> Verdict:
            return self.diary.judge(rules, sentence, spoken)

        with patch.object(OutputRules, "judge", judge):
            for event in self._companion.stream(child, session="a"):
                if isinstance(event, Said):
                    words.append(event)
                    self.diary.note(f"said by {event.by}", event.text)
        self._companion.forget("a")
        return words


def assert_each_sentence_had_its_verdict(
    entries: Sequence[tuple[str, str]], whole: set[str]
) -> None:
    """Every sentence that was said had come to its end, and was then passed by the rules."""
    passed: list[str] = []
    given = ""
    for number, (what, text) in enumerate(entries):
        match what:
            case "opened":
                passed.clear()
                given = ""
            case "piece":
                given += bare(text)
            case "passed":
                passed.append(bare(text))
            case "said by model":
                assert bare(text) in passed, f"{text!r} was said without a verdict"
                del passed[: passed.index(bare(text)) + 1]
                if not any(earlier == "redact" for earlier, _ in entries[:number]):
                    assert bare(text) in whole, f"{text!r} was judged before its end had come"
                    assert bare(text) in given
            case _:
                pass


def in_bytes(text: str, size: int) -> list[str]:
    """The text as it comes from a decoder of blocks of `size` bytes: some pieces are empty."""
    decoder, raw = codecs.getincrementaldecoder("utf-8")(), text.encode()
    return [decoder.decode(raw[at : at + size]) for at in range(0, len(raw), size)]


def cut_at(text: str, places: Sequence[int]) -> list[str]:
    ends = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in itertools.pairwise(ends)]


def chunkings(text: str, count: int, chance: random.Random) -> Iterator[list[str]]:
    """Single characters, blocks of bytes, and pieces of every size; an empty one here and there."""
    yield list(text)
    for size in (1, 2, 3, 7, 40):
        yield in_bytes(text, size)
    for _ in range(count - 6):
        many = chance.choice([1, 2, 5, 20, 80])
        pieces = cut_at(text, [chance.randrange(len(text) + 1) for _ in range(many)])
        pieces.insert(chance.randrange(len(pieces) + 1), "")
        yield pieces


@pytest.mark.slow
@pytest.mark.parametrize("policy", [SHIPPED, ONLY_HARM], ids=["shipped", "only_harm"])
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_leaks_at_any_chunking(shape: str, policy: Policy) -> None:
    talk, chance = Talk(policy), random.Random(shape)
    for row in (row for row in ROWS if row["shape"] == shape):
        reply: str = row["reply"]
        whole = whole_sentences(reply, policy)
        expected = talk.said(row["child"], [reply])
        assert_each_sentence_had_its_verdict(talk.diary.entries, whole)
        for pieces in chunkings(reply, CHUNKINGS // 2 - 1, chance):
            words = talk.said(row["child"], pieces)
            assert words == expected, row["id"]
            assert_each_sentence_had_its_verdict(talk.diary.entries, whole)
        text = "".join(said.text for said in expected)
        assert "never" not in row or row["never"] not in text, (row["id"], text)


@given(
    row=st.sampled_from([row for row in ROWS if len(row["reply"]) < 300]),
    places=st.lists(st.integers(0, 300), max_size=12),
)
@settings(deadline=None, max_examples=60)
def test_nothing_leaks_at_one_chunking(row: dict[str, Any], places: list[int]) -> None:
    reply: str = row["reply"]
    expected = Talk(SHIPPED).said(row["child"], [reply])
    talk = Talk(SHIPPED)
    assert talk.said(row["child"], cut_at(reply, places)) == expected
    assert_each_sentence_had_its_verdict(talk.diary.entries, whole_sentences(reply, SHIPPED))
    text = "".join(said.text for said in expected)
    assert "never" not in row or row["never"] not in text


def test_the_replies_are_what_they_are_said_to_be() -> None:
    assert len(ROWS) == 300
    assert sum("never" in row for row in ROWS) == 150
    assert all(row["never"] in row["reply"] for row in ROWS if "never" in row)
    assert {row["where"] for row in ROWS if "never" in row} == {
        "beginning",
        "middle",
        "end",
        "across an end",
        "across a cut",
    }


@pytest.mark.parametrize(
    "entries",
    [
        [("piece", "好。"), ("said by model", "好。")],
        [("piece", "好。"), ("stop", "好。"), ("said by model", "好。")],
        [("piece", "好"), ("passed", "好"), ("said by model", "好")],
        [("piece", "好。"), ("said by model", "好。"), ("passed", "好。")],
    ],
)
def test_a_leak_would_be_seen(entries: list[tuple[str, str]]) -> None:
    with pytest.raises(AssertionError, match=r"without a verdict|before its end"):
        assert_each_sentence_had_its_verdict(entries, {"好。"})


HURRIED = unannounced(
    {"deadlines": {"first_words": 5, "next_words": 5, "reply": 5, "sentence": 0.3}}
)
DRIBBLE = [step for _ in range(200) for step in ("我", Pause(0.005))]
"""A sentence whose pieces keep coming, and whose end does not."""


@pytest.mark.parametrize("begins", ["", "我听到了。"])
def test_a_sentence_that_does_not_end_in_time_ends_the_models_words(begins: str) -> None:
    model = Scripted([[begins, *DRIBBLE]])
    events = list(Companion(HURRIED, model).stream("你好呀", session="a"))
    said = [event for event in events if isinstance(event, Said)]
    assert "".join(event.text for event in said if event.by == "model") == begins
    assert said[-1].by != "model"
    assert [e.reason for e in events if isinstance(e, Degraded)] == ["late: no answer in time"]


async def test_a_sentence_that_does_not_end_in_time_ends_an_async_models_words() -> None:
    companion = Companion(HURRIED, AsyncScripted([DRIBBLE]))
    events = [event async for event in companion.astream("你好呀", session="a")]
    assert not [event for event in events if isinstance(event, Said) and event.by == "model"]
    assert [event.step for event in events if isinstance(event, Degraded)] == ["model"]


def test_each_sentence_has_its_own_time() -> None:
    slowly = [step for _ in range(24) for step in ("我听到了。", Pause(0.02))]
    companion = Companion(HURRIED, Scripted([slowly]))
    events = list(companion.stream("你好呀", session="a"))
    assert not [event for event in events if isinstance(event, Degraded)]
