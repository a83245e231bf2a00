"""Compare candidates for the Chinese risk model, and write the tables of a document.

    python guards/training/experiments.py --data FOLDER --out docs/risk-experiments.md

Every candidate learns from the rows that the shipped model learns from (`train.rows_for`) to tell
moderate and above from the rest, and is measured on what `evaluate.py` measures on. Torch, gensim,
jieba and onnxruntime are optional: what needs one that is not there is left out, and said so.
The strengths and epochs were chosen on a tenth of the training groups.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from candidates import (
    Candidate,
    Ensemble,
    Keywords,
    Linear,
    RulesAlone,
    Sample,
    logistic,
    naive_bayes,
    support_vectors,
)
from evaluate import BEGIN, END, independent
from numpy.typing import NDArray
from sources import Row, corpus, smile
from train import rows_for
from word_vectors import WordVectors

from qiaoban_guards.risk import RiskLevel
from qiaoban_guards.text import Text, normalise

metrics: Any = import_module("sklearn.metrics")

SHIPPED = "4 logistic, n-grams and rules (shipped)"
READING = "normalising"
DRAWS = 1000
TIMED = 200
ROUNDS = 15
START = f"# Candidates for the Chinese risk model\n\n{BEGIN}\n{END}\n"


@dataclass(frozen=True, slots=True)
class Measured:
    """A set that no candidate has seen, as masks over its rows; level low is in neither."""

    title: str
    sample: Sample
    danger: NDArray[np.bool_]
    subtle: NDArray[np.bool_]
    calm: NDArray[np.bool_]

    @classmethod
    def of(cls, title: str, rows: Sequence[Row]) -> Measured:
        """A set of rows."""
        danger = np.array([row.level >= RiskLevel.MODERATE for row in rows])
        subtle = danger & np.array([row.note == "subtle" for row in rows])
        calm = np.array([row.level is RiskLevel.NONE for row in rows])
        return cls(title, Sample.of(rows), danger, subtle, calm)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured of one candidate; `scores` are of the rows of every set."""

    name: str
    scores: Sequence[NDArray[np.float64]]
    size: int
    seconds: float


def measured_sets(data: Path) -> list[Measured]:
    """The sets that nothing is fitted on."""
    ours = [row for row in corpus() if row.held_out and row.lang == "zh"]
    return [
        Measured.of("Held-out groups of the corpus", ours),
        Measured.of("Help posts by minors, held out", [row for row in smile(data) if row.held_out]),
        Measured.of("An independent writer's sentences", independent("zh")),
    ]


def candidates() -> tuple[list[Candidate], list[str]]:
    """(every candidate that can run here, a line for each that cannot)."""
    shipped = Linear(SHIPPED, logistic(), rules=True)
    found: list[Candidate] = [
        Keywords(),
        RulesAlone(),
        Linear("3 logistic, n-grams", logistic(), rules=False),
        shipped,
        Linear("5 support vector machine on 4's input", support_vectors(), rules=True),
        Linear("6 NB-weighted logistic on 4's input", naive_bayes(), rules=True),
    ]
    left_out: list[str] = []
    try:
        from neural import Convolutions, FastText

        network = Convolutions()
        found += [FastText(), network, Ensemble("9 mean of 4 and 8", shipped, network)]
    except ImportError as error:
        left_out.append(f"7, 8 and 9 were left out: {error}.")
    try:
        found.append(WordVectors())
    except ImportError as error:
        left_out.append(f"10 was left out: {error}.")
    return found, left_out


def recall(
    scores: NDArray[np.float64], danger: NDArray[np.bool_], calm: NDArray[np.bool_], most: float
) -> float:
    """The share of `danger` above the lowest threshold at which at most `most` of `calm` is."""
    return _above(scores[danger], scores[calm], most)


def _above(danger: NDArray[np.float64], calm: NDArray[np.float64], most: float) -> float:
    place = len(calm) - 1 - int(most * len(calm))
    return float((danger > np.partition(calm, place)[place]).mean())


def difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], of: Measured
) -> tuple[float, float, float]:
    """Recall at 5 % less that of `theirs`, with its 95 % interval (paired bootstrap)."""
    chance = np.random.default_rng(7)
    danger, calm = np.flatnonzero(of.danger), np.flatnonzero(of.calm)
    drawn: list[float] = []
    for _ in range(DRAWS):
        some, none = chance.choice(danger, len(danger)), chance.choice(calm, len(calm))
        drawn.append(
            _above(ours[some], ours[none], 0.05) - _above(theirs[some], theirs[none], 0.05)
        )
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    value = recall(ours, of.danger, of.calm, 0.05) - recall(theirs, of.danger, of.calm, 0.05)
    return value, low, high


def microseconds(
    timed: Mapping[str, Callable[[Text], float]], messages: Sequence[str]
) -> Mapping[str, float]:
    """The mean time of each from a message as typed to its score.

    Of every message the best of the rounds counts, and all are timed in every round, so that
    whatever else the machine does falls on all alike.
    """
    best = {name: np.full(len(messages), np.inf) for name in timed}
    for _ in range(ROUNDS):
        for name, score in timed.items():
            for place, message in enumerate(messages):
                start = perf_counter()
                score(normalise(message))
                best[name][place] = min(best[name][place], perf_counter() - start)
    return {name: 1e6 * float(times.mean()) for name, times in best.items()}


def outcome(candidate: Candidate, data: Sample, sets: Sequence[Measured]) -> Outcome:
    """Fit one candidate and measure it."""
    start = perf_counter()
    candidate.fit(data)
    seconds = perf_counter() - start
    scores = [candidate.scores(one.sample) for one in sets]
    with TemporaryDirectory() as folder:
        candidate.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Outcome(candidate.name, scores, size, seconds)


def quality_table(of: Measured, number: int, outcomes: Mapping[str, Outcome]) -> list[str]:
    """How well every candidate finds what is in one set."""
    rows = [
        f"### {of.title}",
        "",
        f"{of.danger.sum()} of moderate level and above, {of.subtle.sum()} of them marked as "
        f"subtle; {of.calm.sum()} of level none.",
        "",
        "| candidate | recall at 5 % | at 10 % | subtle at 5 % | at 10 % | ROC AUC "
        "| recall at 5 % less that of 4, 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    told = of.danger | of.calm
    base = outcomes[SHIPPED].scores[number]
    for one in outcomes.values():
        scores = one.scores[number]
        cells = [f"{recall(scores, of.danger, of.calm, most):.3f}" for most in (0.05, 0.1)]
        cells += [
            f"{recall(scores, of.subtle, of.calm, most):.3f}" if of.subtle.any() else "–"
            for most in (0.05, 0.1)
        ]
        cells.append(f"{metrics.roc_auc_score(of.danger[told], scores[told]):.3f}")
        value, low, high = difference(scores, base, of)
        cells.append("–" if one.name == SHIPPED else f"{value:+.3f} [{low:+.3f}, {high:+.3f}]")
        rows.append(f"| {one.name} | {' | '.join(cells)} |")
    return [*rows, ""]


def cost_table(outcomes: Mapping[str, Outcome], times: Mapping[str, float]) -> list[str]:
    """What every candidate costs."""
    rows = [
        "### Cost",
        "",
        "On disk is what would ship for this one question in Chinese (moderate or above?), with "
        "the rules of both languages where they are read. The time is from a message of about 30 "
        f"characters as typed to its score, on one core; {times[READING]:.0f} µs of it is the "
        "normalising that all share. Fitting used at most two cores, once the rows were read.",
        "",
        "| candidate | on disk, MB | µs per message | seconds to fit |",
        "|---|---|---|---|",
    ]
    for one in outcomes.values():
        rows.append(
            f"| {one.name} | {one.size / 1e6:.2f} | {times[one.name]:.0f} | {one.seconds:.0f} |"
        )
    return [*rows, ""]


def report(data: Path, limit: int | None) -> list[str]:
    """Every table."""
    rows = rows_for("zh", data)
    if limit is not None:
        rows = random.Random(0).sample(rows, min(limit, len(rows)))  # noqa: S311
    learnt, sets = Sample.of(rows), measured_sets(data)
    texts = [row.text for one in sets for row in one.sample.rows if 28 <= len(row.text) <= 32]
    messages = texts[:: max(len(texts) // TIMED, 1)]
    found, left_out = candidates()
    outcomes: dict[str, Outcome] = {}
    for candidate in found:
        result = outcome(candidate, learnt, sets)
        parts = candidate.parts if isinstance(candidate, Ensemble) else ()
        seconds = result.seconds + sum(outcomes[name].seconds for name in parts)
        outcomes[candidate.name] = replace(result, seconds=seconds)
        _say(f"{candidate.name}: fitted in {seconds:.0f} s")
    tables = [
        f"{len(rows)} rows to learn from. Thresholds are set on each set's own harmless rows."
    ]
    tables += ["", *left_out, ""] if left_out else [""]
    for number, one in enumerate(sets):
        tables += quality_table(one, number, outcomes)
    timed: dict[str, Callable[[Text], float]] = {READING: lambda _: 0.0}
    timed |= {candidate.name: candidate.one for candidate in found}
    return [*tables, *cost_table(outcomes, microseconds(timed, messages))]


def main() -> int:
    """Put the tables between the marks of a document, which is begun if it is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public sets")
    parser.add_argument("--out", type=Path, required=True, help="a document with the marks")
    parser.add_argument("--limit", type=int, help="learn from so many rows only, to try it out")
    arguments = parser.parse_args()
    out: Path = arguments.out
    written = "\n".join(report(arguments.data, arguments.limit))
    text = out.read_text(encoding="utf-8") if out.is_file() else START
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    out.write_text(f"{before}{BEGIN}\n\n{written}\n{END}{after}", encoding="utf-8")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
