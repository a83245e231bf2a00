"""Expand the risk rules into the one file that the package reads: `rules.json.gz`.

    python guards/training/compile_rules.py

The bytes depend on the rules and on the corpus (how often a string occurs decides by which a rule
is found), on nothing else.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qiaoban_guards.risk.prefilter import HAN_GRAM, LATIN_GRAM, Prefilter
from qiaoban_guards.risk.rules import Rules, read_rules
from qiaoban_guards.text import normalise

RISK = Path(__file__).parents[1] / "qiaoban_guards" / "risk"
CORPUS = Path(__file__).parents[1] / "corpus"


def gram_frequency(texts: Iterable[str]) -> Mapping[str, int]:
    """In how many messages every string of up to four characters occurs."""
    frequency: Counter[str] = Counter()
    for text in texts:
        plain = normalise(text).plain
        longest = LATIN_GRAM if plain.isascii() else HAN_GRAM
        grams = {
            plain[place : place + length]
            for length in range(1, longest + 1)
            for place in range(len(plain) - length + 1)
        }
        frequency.update(grams)
    return frequency


def compiled(rules: Rules, frequency: Mapping[str, int]) -> dict[str, Any]:
    """One language's rules as plain data, with the grams that find them."""
    prefilter = Prefilter.build([(rule.any, rule.needs) for rule in rules.rules], frequency)
    written = rules.model_dump(
        mode="json",
        by_alias=True,
        exclude_defaults=True,
        exclude={"rules": {"__all__": {"note"}}, "frames": {"macros"}},
    )
    also = {str(rule): [sorted(grams) for grams in sets] for rule, sets in prefilter.also.items()}
    return {**written, "grams": prefilter.index, "always": prefilter.always, "also": also}


def compile_rules(texts: Iterable[str]) -> bytes:
    """The bytes of `rules.json.gz`."""
    frequency = gram_frequency(texts)
    data = {
        language: compiled(read_rules(RISK / "lexicon" / language), frequency)
        for language in ("zh", "en")
    }
    written = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return gzip.compress(written.encode(), mtime=0)


def corpus_texts() -> list[str]:
    """Every utterance of the corpus."""
    lines = [
        line
        for path in sorted(CORPUS.glob("*/*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [json.loads(line)["text"] for line in lines]


def main() -> None:
    """Write the file."""
    target = RISK / "model" / "rules.json.gz"
    target.write_bytes(compile_rules(corpus_texts()))


if __name__ == "__main__":
    main()
