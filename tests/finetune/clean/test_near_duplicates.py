"""Planted near-duplicates are found, and dialogues that only resemble each other are not taken."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.local import without_duplicates
from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_finetune.clean.signatures import NearDuplicates, Signer, read_signature, similarity
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.formats import read
from tests.finetune.clean.samples import CHARACTERS, planted

pytest.importorskip("datasketch")


def found(dialogues: list[list[str]]) -> set[int]:
    """The numbers (from 1) of those that are nearly an earlier one."""
    signer = Signer(128)
    outcomes = [
        Outcome(
            n,
            "f",
            n,
            str(n),
            Dialogue(str(n), (Message("user", said[0]),)),
            signature=signer.sign(said),
        )
        for n, said in enumerate(dialogues, 1)
    ]
    return {one.number for one in without_duplicates(outcomes, CleanConfig()) if one.reason}


def scored(dialogues: list[list[str]], copies: set[int]) -> tuple[float, float]:
    """Recall and precision."""
    seen = found(dialogues)
    return len(seen & copies) / len(copies), len(seen & copies) / len(seen)


def test_planted_near_duplicates_in_made_up_dialogues() -> None:
    draw = Random(1)
    phrases = ["".join(draw.choices(CHARACTERS, k=9)) for _ in range(300)]
    bases = [["，".join(draw.sample(phrases, 3)) + "。" for _ in range(8)] for _ in range(300)]
    recall, precision = scored(*planted(bases, draw, near=150))
    assert recall >= 0.95
    assert precision >= 0.95


@pytest.mark.slow
def test_planted_near_duplicates_in_real_dialogues(shared: Path) -> None:
    file = shared / "data" / "cpsycound_dialogues.jsonl"
    bases: list[list[str]] = []
    for one in read(file, turns="merge"):
        bases.append([message.text for message in one.messages])
        if len(bases) == 600:
            break
    own = found(bases)  # the set has some of its own
    bases = [said for n, said in enumerate(bases, 1) if n not in own]
    recall, precision = scored(*planted(bases, Random(2), near=300))
    assert recall >= 0.95
    assert precision >= 0.95


def test_an_estimate_is_near_the_likeness() -> None:
    signer = Signer(256)
    words = [f"w{n}" for n in range(2000)]
    one, other = signer.sign([" ".join(words)]), signer.sign([" ".join(words[1000:])])
    assert abs(similarity(read_signature(one), read_signature(other)) - 0.5) < 0.1


def test_the_first_one_is_told_and_a_chain_is_followed() -> None:
    signer = Signer(128)
    texts = [CHARACTERS, CHARACTERS, CHARACTERS[:80], CHARACTERS[::-1]]
    seen = NearDuplicates(0.7, 128)
    assert [seen.add(n, signer.sign([text])) for n, text in enumerate(texts)] == [None, 0, 0, None]
