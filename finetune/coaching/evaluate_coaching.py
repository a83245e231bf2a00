"""Measure the embedded coaching model: `make coaching-report`.

    python finetune/coaching/evaluate_coaching.py [--data FOLDER] [--write docs/FILE.md]

prints macro-F1 with 95 % intervals (bootstrap over groups) for emotions, cues and acts on rows
held out, on sets by an independent writer, and on QiaoBan's 20 dialogues where FOLDER has them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

import numpy as np
from coaching_rows import ActRow, CueRow, EmotionRow, rows
from dialogues import play_all

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import ACTS, CUES
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Reader, Reading
from qiaoban_agent.coaching.report import acts_of
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import normalise

INDEPENDENT = Path(__file__).parents[2] / "tests" / "data" / "coaching"
QIAOBAN = "qiaoban_child_chat_20.json"
MARKS = ("<!-- measured -->", "<!-- end of what was measured -->")
RESAMPLES = 400
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class Case(NamedTuple):
    """One row: the labels it has and the labels it was given."""

    truth: Set[Hashable]
    found: Set[Hashable]
    group: str


def f1_by_label(cases: Sequence[Case], labels: Sequence[Hashable]) -> dict[Hashable, float]:
    """F1 of every label that is there."""
    scores: dict[Hashable, float] = {}
    for label in labels:
        both = sum(label in c.truth and label in c.found for c in cases)
        either = sum(label in c.truth for c in cases) + sum(label in c.found for c in cases)
        if any(label in c.truth for c in cases):
            scores[label] = 2 * both / either
    return scores


def interval(
    cases: Sequence[Case], measure: Callable[[Sequence[Case]], float]
) -> tuple[float, float]:
    """The 95 % interval of a measure, whole groups drawn again with replacement."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    names = sorted(groups)
    draw = np.random.default_rng(11)
    values = [
        measure(
            [case for i in draw.integers(0, len(names), len(names)) for case in groups[names[i]]]
        )
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def macro_f1(labels: Sequence[Hashable]) -> Callable[[Sequence[Case]], float]:
    """The mean F1 over labels."""

    def measure(cases: Sequence[Case]) -> float:
        return float(np.mean(list(f1_by_label(cases, labels).values())))

    return measure


def share(cases: Sequence[Case]) -> float:
    """How many rows were given just what they have."""
    return float(np.mean([case.truth == case.found for case in cases]))


def line(name: str, cases: Sequence[Case], measure: Callable[[Sequence[Case]], float]) -> str:
    """One row of a table: value, interval, number of rows."""
    low, high = interval(cases, measure)
    return f"| {name} | {measure(cases):.3f} | {low:.3f} – {high:.3f} | {len(cases)} |"


def read(text: str, language: Language, before: Set[CoachingAct] = frozenset()) -> Reading:
    """A message read as in a turn."""
    return Reader.shipped(language).read(normalise(text).plain, before)


def overlap(truth: str, found: str) -> float:
    """F1 over characters of two stretches of one text (as multisets)."""
    if not truth or not found:
        return float(truth == found)
    common = sum(min(truth.count(c), found.count(c)) for c in set(truth))
    return 2 * common / (len(truth) + len(found))


def emotion_tables(name: str, data: Sequence[EmotionRow], language: Language) -> list[str]:
    """28 emotions and none, the basic six, intensity, cause."""
    read_as = [read(row.text, language) for row in data]
    pairs = list(zip(data, read_as, strict=True))
    full = [Case({r.emotion}, {g.emotion}, r.group) for r, g in pairs]
    basic = [Case({r.emotion.basic}, {g.emotion.basic}, r.group) for r, g in pairs]
    with_also = [Case({True}, {g.emotion in {r.emotion, *r.also}}, r.group) for r, g in pairs]
    felt = [(r, g) for r, g in pairs if r.emotion is not Emotion.NONE]
    strength = [
        Case({True}, {abs(r.intensity - g.intensity) <= 1 and g.intensity > 0}, r.group)
        for r, g in felt
    ]
    caused = [(r, g) for r, g in felt if r.cause]
    told = []
    for row, got in caused:
        text = normalise(row.text)
        found = text.plain[got.cause.start : got.cause.end] if got.cause else ""
        told.append((overlap(normalise(row.cause).plain, found), row.group))
    causes = [Case({True}, {value >= 0.6}, group) for value, group in told]
    return [
        f"### {name}",
        "",
        "| | | 95 % | rows |",
        "|---|---|---|---|",
        line("28 emotions and none, macro-F1", full, macro_f1(list(Emotion))),
        line("the same, accuracy", full, share),
        line("main emotion among the labels of the row", with_also, share),
        line(
            "six basic emotions and none, macro-F1",
            basic,
            macro_f1(sorted({r.emotion.basic for r in data})),
        ),
        line("intensity within one step, of rows with a feeling", strength, share),
        line("cause found (character F1 of at least .6)", causes, share),
        "",
    ]


def label_table(name: str, cases: Sequence[Case], labels: Sequence[Hashable]) -> list[str]:
    """Macro-F1, then precision, recall and F1 of every label."""
    result = [
        f"### {name}",
        "",
        "| | | 95 % | rows |",
        "|---|---|---|---|",
        line("macro-F1", cases, macro_f1(labels)),
        "",
        "| label | precision | recall | F1 | rows |",
        "|---|---|---|---|---|",
    ]
    scores = f1_by_label(cases, labels)
    for label in labels:
        there = [c for c in cases if label in c.truth]
        found = [c for c in cases if label in c.found]
        if not there:
            continue
        hits = sum(label in c.found for c in there)
        precision = hits / len(found) if found else 0.0
        result.append(
            f"| {label} | {precision:.2f} | {hits / len(there):.2f} "
            f"| {scores[label]:.2f} | {len(there)} |"
        )
    return [*result, ""]


def cue_cases(data: Sequence[CueRow], language: Language) -> list[Case]:
    """Every row's cues, of those that are learnt."""
    return [
        Case(
            row.cues,
            read(row.text, language, acts_of(row.before)).cues & set(CUES),
            row.group,
        )
        for row in data
    ]


def act_cases(data: Sequence[ActRow]) -> list[Case]:
    """Every row's acts."""
    return [Case(row.acts, acts_of(row.text), row.group) for row in data]


def qiaoban_table(data: Path) -> list[str]:
    """The feeling that QiaoBan's dialogues were written for, from their first child turns."""
    names = {"scared": "fear", "disgusted": "disgust"}
    cases: list[Case] = []
    for dialogue in json.loads((data / QIAOBAN).read_text(encoding="utf-8")):
        turns = [part["text"] for part in dialogue["dialog"] if part["speaker"] == "孩子"][:3]
        weights: dict[str, float] = {}
        for turn in turns:
            got = read(turn, "zh")
            weights[got.emotion.basic] = weights.get(got.emotion.basic, 0) + got.intensity
        weights.pop("none", None)
        found = max(weights, key=lambda basic: weights[basic]) if weights else "none"
        label = str(dialogue["emotion"])
        cases.append(Case({names.get(label, label)}, {found}, str(dialogue["dialog_id"])))
    wrong = [f"{set(c.truth)} read as {set(c.found)}" for c in cases if c.truth != c.found]
    labels = sorted({str(label) for c in cases for label in c.truth})
    return [
        "### QiaoBan's 20 dialogues, the emotion they are labelled with",
        "",
        "| | | 95 % | rows |",
        "|---|---|---|---|",
        line("right from the first three child turns", cases, share),
        line("macro-F1 of the labels there are", cases, macro_f1(labels)),
        "",
        *([f"Wrong: {'; '.join(re.sub(chr(39), '', w) for w in wrong)}.", ""] if wrong else []),
    ]


def report(data: Path | None) -> list[str]:
    """All tables."""
    result: list[str] = []
    names: Mapping[Language, str] = {"zh": "Chinese", "en": "English"}
    for language in LANGUAGES:
        sets = [("held-out groups", None), ("independent writer", INDEPENDENT)]
        for title, folder in sets:
            if folder is not None and not (folder / language).is_dir():
                continue
            where = {} if folder is None else {"folder": folder}
            told = f"{names[language]}, {title}"
            felt = [r for r in rows(EmotionRow, language, **where) if r.held_out]
            result += emotion_tables(f"Emotion: {told}", felt, language)
            cued = [r for r in rows(CueRow, language, **where) if r.held_out]
            result += label_table(
                f"Cues of a child's message: {told}", cue_cases(cued, language), CUES
            )
            acted = [r for r in rows(ActRow, language, **where) if r.held_out]
            result += label_table(
                f"Acts of an assistant's sentence: {told}", act_cases(acted), ACTS
            )
    if data is not None and (data / QIAOBAN).is_file():
        result += qiaoban_table(data)
    return [*result, *play_all(data)[1]]


def main() -> int:
    """Print the tables, or write them between the marks of a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder of the public sets")
    parser.add_argument("--write", type=Path, help="a Markdown file with the two marks")
    asked = parser.parse_args()
    lines = report(asked.data)
    if asked.write is None:
        sys.stdout.write("\n".join(lines) + "\n")
        return 0
    before, _, rest = asked.write.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    body = "\n".join([before + MARKS[0], "", *lines, MARKS[1] + after])
    asked.write.write_text(body, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
