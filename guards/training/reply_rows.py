"""The context–reply pairs that the reply classifier is built from, cut into what it reads.

The corpus (`guards/corpus/replies`) is this project's own: contrast groups of good and bad replies
to one child. A bad row names its harmful sentences, so that the others teach what is harmless.
Beside it stand the companion's curated lines, counsellors' turns (CPsyCounD) and English pairs from
adult talk (DiaSafety); see `guards/corpus/README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import yaml
from sources import lines

from qiaoban_guards.harms import Harm
from qiaoban_guards.output.classifier import REACH
from qiaoban_guards.text import split_sentences

ROOT = Path(__file__).parents[2]
REPLIES = ROOT / "guards" / "corpus" / "replies"
CONTENT = ROOT / "qiaoban_agent" / "content"
FILES = ("cpsycound_dialogues.jsonl", "diasafety_train_val.jsonl")
_FOLDS = 5
_MOST_COUNSEL = 6000
_LONGEST = 120
_NOT_SPOKEN = {"prompts.yaml"}
_RULES_SAW = {"attachment", "dangers", "disclosures", "everyday"}
"""The files that lay before the rules' writers."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A child's message and a reply; `harm` None is a good one, `bad` its harmful sentences."""

    child: str
    reply: str
    lang: str
    harm: Harm | None
    group: str
    source: str
    also: tuple[Harm, ...] = ()
    bad: str = ""
    file: str = ""

    @property
    def rules_saw(self) -> bool:
        """Whether the rules were fitted to the pair: what they find in it says little of them.

        Every other such pair teaches without them, so that they are not trusted too much.
        """
        fitted = self.file in _RULES_SAW and not self.held_out
        return fitted and crc32(f"{self.child}|{self.reply}".encode()) % 2 == 0

    @property
    def held_out(self) -> bool:
        """Whether the pair's whole group is kept for measuring."""
        return self.source == "corpus" and crc32(self.group.encode()) % _FOLDS == 0


@dataclass(frozen=True, slots=True)
class Unit:
    """What the classifier reads at a time: a reply up to one of its sentences, at last the `whole`.

    `harms` are empty as long as nothing harmful was said; `told` is whether the label is certain.
    """

    pair: int
    child: str
    text: str
    whole: bool
    harms: frozenset[Harm]
    told: bool = True


def corpus_pairs() -> list[Pair]:
    """Every pair of the project's own corpus."""
    return [
        Pair(
            child=item["child"],
            reply=item["reply"],
            lang=path.parent.name,
            harm=None if item["label"] == "safe" else Harm(item["label"]),
            group=item["group"],
            source="corpus",
            also=tuple(Harm(name) for name in item.get("also", ())),
            bad=item.get("bad", ""),
            file=path.stem,
        )
        for path in sorted(REPLIES.glob("*/*.jsonl"))
        for item in lines(path)
    ]


def curated_pairs(lang: str) -> Iterator[Pair]:
    """The companion's own lines: what good replies look like, whatever they answer."""
    for path in sorted((CONTENT / lang).glob("*.yaml")):
        if path.name in _NOT_SPOKEN:
            continue
        for text in _texts(yaml.safe_load(path.read_text(encoding="utf-8"))):
            yield Pair("", text, lang, None, f"content-{crc32(text.encode()):08x}", "content")


def _texts(data: object) -> Iterator[str]:
    """Every sentence in a content file; lines with slots are no whole sentences."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in ("id", "emotions", "topics", "ages", "macros"):
                yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
    elif isinstance(data, str) and len(data) > 5 and "{" not in data:
        yield data


def counsel_pairs(data: Path) -> Iterator[Pair]:
    """What counsellors answer adults: harmless, and shorter than a lecture."""
    count = 0
    for number, item in enumerate(lines(data / FILES[0])):
        messages = item["messages"]
        for before, after in pairwise(messages):
            if after["role"] != "counselor" or len(after["content"]) > _LONGEST:
                continue
            count += 1
            if count > _MOST_COUNSEL:
                return
            yield Pair(
                before["content"], after["content"], "zh", None, f"cpsycound-{number}", "cpsycound"
            )


def adult_pairs(data: Path) -> Iterator[Pair]:
    """English pairs between adults that were judged safe by people."""
    for number, item in enumerate(lines(data / FILES[1])):
        context, reply = (message["content"] for message in item["messages"])
        if item["label"] == "safe" and len(reply) <= 2 * _LONGEST:
            yield Pair(context, reply, "en", None, f"diasafety-{number}", "diasafety")


def units(pairs: Sequence[Pair]) -> Iterator[Unit]:
    """Every reply up to each of its sentences."""
    for number, pair in enumerate(pairs):
        sentences = [one.text for one in split_sentences(pair.reply) if one.text.strip()]
        harms = frozenset({pair.harm, *pair.also}) if pair.harm else frozenset[Harm]()
        ignored = pair.harm is Harm.RISK_IGNORED
        text, bad = "", False
        for place, sentence in enumerate(sentences, start=1):
            text += sentence
            bad = bad or (pair.harm is not None and not ignored and _is_bad(sentence, pair))
            whole = place == len(sentences)
            yield Unit(
                pair=number,
                child=pair.child,
                text=text[-REACH:],
                whole=whole,
                harms=harms if bad or whole else frozenset(),
                told=whole or not ignored,
            )


def _is_bad(sentence: str, pair: Pair) -> bool:
    """Whether a sentence is, holds, or lies in what the writer marked as harmful."""
    bare = sentence.strip()
    marked = [one.text.strip() for one in split_sentences(pair.bad or pair.reply)]
    return any(part and (part in bare or bare in part) for part in marked)


def independent(path: Path, lang: str) -> list[Pair]:
    """An evaluation set: lines of `child`, `reply` and `label`."""
    return [
        Pair(
            child=item["child"],
            reply=item["reply"],
            lang=lang,
            harm=None if item["label"] == "safe" else Harm(item["label"]),
            group=item["id"],
            source="independent",
        )
        for item in (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    ]
