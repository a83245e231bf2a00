"""What the risk lexicon finds and what it wrongly finds: `python benchmarks/risk_lexicon.py`.

Prints, for the development and the held-out half of `tests/data/risk`, the recall of disclosures at
moderate or above and the false alarms, with Wilson 95 % intervals.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

from qiaoban_guards.risk import Lexicon, RiskLevel
from qiaoban_guards.text import normalise

DATA = Path(__file__).parents[1] / "tests" / "data" / "risk"
FROM = RiskLevel.MODERATE


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a proportion."""
    if of == 0:
        return 0.0, 1.0
    z, p = 1.96, hits / of
    middle, spread = p + z * z / (2 * of), z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)


def row(name: str, hits: int, of: int) -> str:
    """One line of the table."""
    low, high = wilson(hits, of)
    return f"  {name:<34}{hits:>5}/{of:<5}{hits / max(of, 1):>7.3f}  [{low:.3f}, {high:.3f}]"


def measure(path: Path) -> list[str]:
    """The lines of the table for one file."""
    lexicon = Lexicon.shipped()
    seen: Counter[str] = Counter()
    hit: Counter[str] = Counter()

    def count(name: str, *, is_hit: bool) -> None:
        seen[name] += 1
        hit[name] += is_hit

    for line in path.read_text(encoding="utf-8").splitlines():
        item: dict[str, Any] = json.loads(line)
        risk = lexicon.assess(normalise(item["text"]))
        found = risk.level >= FROM
        if RiskLevel.parse(item["level"]) >= FROM:
            count("recall", is_hit=found)
            count(f"recall, {item['kind']}", is_hit=found)
            count(f"recall, {item['category']}", is_hit=found)
            if found:
                right = item["category"] in [str(category) for category in risk.categories]
                count("right category among the hits", is_hit=right)
        elif item["level"] == "none":
            count("false alarms", is_hit=found)
            count(f"false alarms, {item['kind']}", is_hit=found)
    order: Callable[[str], tuple[bool, int, str]] = lambda name: (  # noqa: E731
        not name.startswith("recall"),
        name.count(","),
        name,
    )
    return [row(name, hit[name], seen[name]) for name in sorted(seen, key=order)]


def main() -> None:
    """Print the tables."""
    for path in sorted(DATA.glob("*.jsonl")):
        sys.stdout.write("\n".join([path.stem, *measure(path), ""]) + "\n")


if __name__ == "__main__":
    main()
