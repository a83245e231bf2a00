"""Measure the shipped risk guard on what it was not built from, and write its model card's tables.

    python guards/training/evaluate.py --data FOLDER [--write docs/risk-model-card.md]

Every proportion has its Wilson 95 % interval. Measured are the held-out groups of the corpus, an
independent set (`tests/data/risk`), held-out help posts by minors, and PsyGUARD's lines by
cross-validation.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from design import design
from fit import unseen_scores
from invariance import invariance
from sources import Row, corpus, everyday, smile
from train import MODEL, rows_for

from qiaoban_guards.batch.measure import wilson
from qiaoban_guards.risk import Category, Risk, RiskClassifier, RiskLevel
from qiaoban_guards.risk.classifier import Language, read_compiled
from qiaoban_guards.risk.lexicon import Lexicon
from qiaoban_guards.text import normalise

INDEPENDENT = Path(__file__).parents[2] / "tests" / "data" / "risk"
LOADED = "死杀打血刀药跳割毒骂恨疼伤"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
Judged = tuple[Row, Risk]


def independent(language: Language) -> list[Row]:
    """Sentences by a writer who had seen neither the rules nor the corpus.

    A sentence that another writer happened to write, too, is left out.
    """
    written = {row.text.strip().lower() for row in corpus()}
    path = INDEPENDENT / f"{language}_held_out.jsonl"
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Row(
            text=item["text"],
            lang=language,
            level=RiskLevel.parse(item["level"]),
            category=Category(item["category"]) if item["level"] != "none" else None,
            group=str(number),
            source="independent",
            who=item["who"],
            note=item["kind"],
        )
        for number, item in enumerate(items)
        if item["text"].strip().lower() not in written
    ]


def judged(rows: Sequence[Row]) -> list[Judged]:
    """What the shipped guard says of every row."""
    guard = RiskClassifier.shipped()
    return [(row, guard.assess(normalise(row.text))) for row in rows]


def line(name: str, hits: int, of: int) -> str:
    """One line of a table."""
    if not of:
        return f"| {name} | – | – | – |"
    low, high = wilson(hits, of)
    return f"| {name} | {hits} / {of} | {hits / of:.3f} | {low:.3f} – {high:.3f} |"


def share(name: str, those: Sequence[Judged], hit: Callable[[Judged], bool]) -> str:
    """The share of `those` of which `hit` is true."""
    return line(name, sum(map(hit, those)), len(those))


def flagged(one: Judged) -> bool:
    """Whether the guard says moderate or above."""
    return one[1].level >= RiskLevel.MODERATE


def escalated(one: Judged) -> bool:
    """Whether the guard says high or above: an adult is told."""
    return one[1].level >= RiskLevel.HIGH


def right(one: Judged) -> bool:
    """Whether the gravest finding is of the true category."""
    return bool(one[1].findings) and one[1].findings[0].category is one[0].category


def table(title: str, all_: Sequence[Judged], *, by_category: bool = False) -> list[str]:
    """The measures of one set."""
    danger = [one for one in all_ if one[0].level >= RiskLevel.MODERATE]
    calm = [one for one in all_ if one[0].level is RiskLevel.NONE]
    hits = [one for one in danger if flagged(one)]
    rows = [f"### {title}", "", "| | | | 95 % |", "|---|---|---|---|"]
    rows.append(share("recall, moderate and above", danger, flagged))
    for note in ("explicit", "subtle"):
        those = [one for one in danger if one[0].note == note]
        rows += [share(f"recall, {note}", those, flagged)] if those else []
    for level in (RiskLevel.MODERATE, RiskLevel.HIGH, RiskLevel.IMMINENT):
        rows.append(
            share(f"recall of {level.label}", [o for o in danger if o[0].level is level], flagged)
        )
    grave = [one for one in danger if one[0].level >= RiskLevel.HIGH]
    rows.append(share("recall of high and imminent as such", grave, escalated))
    rows.append(share("false alarms on level none", calm, flagged))
    rows.append(share("… that would wake an adult", calm, escalated))
    loaded = [one for one in calm if set(LOADED) & set(one[0].text)]
    if loaded:
        rows.append(share(f"… with one of {LOADED}", loaded, flagged))
        rows.append(
            share("… without", [one for one in calm if not set(LOADED) & set(one[0].text)], flagged)
        )
    low = [one for one in all_ if one[0].level is RiskLevel.LOW]
    rows.append(share("level low that is flagged", low, flagged))
    rows.append(share("right category among the hits", hits, right))
    rows.append(
        share(
            "high or above said of high or above",
            [o for o in hits if o[0].level >= 3],
            lambda o: o[1].level >= 3,
        )
    )
    told = [one for one in hits if one[0].who]
    rows += (
        [share("right about who is at risk", told, lambda o: o[1].findings[0].who == o[0].who)]
        if told
        else []
    )
    if by_category:
        for category in Category:
            those = [one for one in danger if one[0].category is category]
            rows.append(share(f"recall, {category}", those, flagged))
            rows.append(
                share(f"right category, {category}", [o for o in those if flagged(o)], right)
            )
    return [*rows, ""]


def calibration_table(all_: Sequence[Judged]) -> list[str]:
    """How often a danger was there, by the probability that the guard gave."""
    rows = [
        "### Calibration",
        "",
        "| probability given | messages | danger was there |",
        "|---|---|---|",
    ]
    given = np.array([min(sum(risk.scores.values()), 1.0) for _, risk in all_])
    truth = np.array([row.level >= RiskLevel.MODERATE for row, _ in all_])
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        here = (given >= low) & (given < high)
        if here.any():
            rows.append(
                f"| {low:.1f} – {min(high, 1):.1f} | {here.sum()} | {truth[here].mean():.3f} |"
            )
    return [*rows, ""]


def psyguard_table(data: Path, lexicons: Mapping[Language, Lexicon], title: str) -> list[str]:
    """Self-harm in PsyGUARD's lines, each judged by a model that was fitted without it."""
    rows = rows_for("zh", data)
    scores = unseen_scores(design(rows, lexicons), ("moderate",))[:, 0]
    own = np.array([row.source == "psyguard" for row in rows])
    harm = own & np.array([row.category is Category.SELF_HARM for row in rows])
    calm = own & np.array([row.level is RiskLevel.NONE for row in rows])
    result = [f"### {title}", "", "| | | | 95 % |", "|---|---|---|---|"]
    for most in (0.01, 0.02, 0.03, 0.05):
        least = float(np.sort(scores[calm])[::-1][int(most * calm.sum())])
        hits = int((scores[harm] > least).sum())
        alarms = int((scores[calm] > least).sum())
        name = f"self-harm recall at {alarms / calm.sum():.3f} false alarms"
        result.append(line(name, hits, int(harm.sum())))
    return [*result, ""]


def report(data: Path) -> list[str]:
    """Every table."""
    result: list[str] = []
    languages: tuple[tuple[Language, str], ...] = (("zh", "Chinese"), ("en", "English"))
    for language, name in languages:
        rows = judged([row for row in corpus() if row.held_out and row.lang == language])
        result += table(f"{name}: held-out groups of the corpus", rows, by_category=True)
        for source in sorted({row.source for row, _ in rows}):
            those = [
                one for one in rows if one[0].source == source and one[0].level is RiskLevel.NONE
            ]
            result.append(share(f"false alarms, `{source}`", those, flagged))
        result += ["", *calibration_table(rows)]
        result += table(f"{name}: an independent writer's sentences", judged(independent(language)))
    for language, name in languages:
        told = [row for row in everyday() if row.held_out and row.lang == language]
        result += table(f"{name}: children's everyday talk, held out", judged(told))
    result += table(
        "Help posts by minors, held out", judged([r for r in smile(data) if r.held_out])
    )
    rules = read_compiled(MODEL / "rules.json.gz")
    lexicons = {language: Lexicon(of) for language, of in rules.items()}
    result += psyguard_table(data, lexicons, "PsyGUARD's lines, by cross-validation")
    result += psyguard_table(data, {}, "The same by the words alone, without the rules")
    return [*result, *invariance()]


def main() -> int:
    """Print the tables, or put them between the marks of a document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public sets")
    parser.add_argument("--write", type=Path, help="a document with the marks of the tables")
    arguments = parser.parse_args()
    written = "\n".join(report(arguments.data))
    if arguments.write is None:
        sys.stdout.write(written + "\n")
        return 0
    before, _, rest = arguments.write.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    arguments.write.write_text(f"{before}{BEGIN}\n\n{written}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
