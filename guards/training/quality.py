"""How varied the corpus is: `python guards/training/quality.py` prints its counts."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence

from datasketch import MinHash, MinHashLSH
from sources import Row, corpus

from qiaoban_guards.risk import RiskLevel

ALIKE = 0.6
"""From this Jaccard similarity of character shingles on, two utterances are near-duplicates."""


def distinct_ngrams(texts: Sequence[Sequence[str]], length: int) -> float:
    """The share of different n-grams of characters (or of words, of lists) among all of them."""
    grams = Counter(
        tuple(text[i : i + length]) for text in texts for i in range(len(text) - length + 1)
    )
    return len(grams) / max(grams.total(), 1)


def largest_cluster(texts: Sequence[str], lang: str) -> int:
    """How many utterances hang together as near-duplicates, at most."""
    width = 3 if lang == "zh" else 5
    index = MinHashLSH(threshold=ALIKE, num_perm=64)
    cluster = list(range(len(texts)))

    def root(place: int) -> int:
        while cluster[place] != place:
            place = cluster[place]
        return place

    for place, text in enumerate(texts):
        sketch = MinHash(64)
        shingles = {text[i : i + width] for i in range(max(len(text) - width + 1, 1))}
        sketch.update_batch([shingle.encode() for shingle in sorted(shingles)])
        for near in index.query(sketch):
            cluster[root(int(near))] = root(place)
        index.insert(str(place), sketch)
    return max(Counter(map(root, cluster)).values())


def counts(rows: Sequence[Row]) -> list[str]:
    """Lines of a table: how many utterances of each level, and of each category."""
    per: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        name = str(row.category) if row.category else "none"
        per[name][row.level.label] += 1
        per[name]["subtle"] += row.note == "subtle"
    head = [*(level.label for level in RiskLevel), "subtle"]
    result = [f"| | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    return result + [
        f"| {name} | {' | '.join(str(of[column]) for column in head)} |"
        for name, of in sorted(per.items(), key=lambda one: -one[1].total())
    ]


def main() -> None:
    """Print the counts of both languages."""
    for lang in ("zh", "en"):
        rows = [row for row in corpus() if row.lang == lang]
        texts = [row.text for row in rows]
        units = texts if lang == "zh" else [text.split() for text in texts]
        held = sum(row.held_out for row in rows)
        sys.stdout.write(
            f"{lang}: {len(rows)} utterances, {len({row.group for row in rows})} groups, "
            f"{held} held out; distinct 4-grams {distinct_ngrams(units, 4):.3f}; "
            f"largest cluster of near-duplicates {largest_cluster(texts, lang)}\n"
        )
        sys.stdout.write("\n".join(counts(rows)) + "\n\n")


if __name__ == "__main__":
    main()
