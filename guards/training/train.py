"""Build the embedded risk model: `make risk-model`.

    python guards/training/train.py --data FOLDER

reads the corpus and the public sets in FOLDER (see `guards/corpus/README.md`), and writes
`rules.json.gz`, `weights.npz` and `thresholds.json` into `guards/qiaoban_guards/risk/model`, the
same bytes every time. Rows held out (`split: test`) are not used here; `evaluate.py` measures on
them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from compile_rules import RISK, compile_rules, corpus_texts
from design import HEADS, LEVELS, Design, design
from fit import calibration, fit, platt, unseen_scores
from numpy.typing import NDArray
from sources import FILES, Row, corpus, everyday, ordinary, psyguard, smile

from qiaoban_guards.classification.linear import LinearModel
from qiaoban_guards.risk.classifier import Language, Thresholds, read_compiled
from qiaoban_guards.risk.lexicon import Lexicon
from qiaoban_guards.risk.taxonomy import RiskLevel

MODEL = RISK / "model"
UNREAD = ("lccc", "cpsycound")
MOST_FALSE_ALARMS: Mapping[str, float] = {
    "lccc": 0.01,
    "cpsycound": 0.01,
    "cold": 0.02,
    "diasafety": 0.04,
    "psyguard": 0.05,
    "smile": 0.10,
    "everyday": 0.05,
    "corpus": 0.15,
}
"""How much of the harmless talk of a source may be flagged. In the corpus it is written to look
like danger; that of the others is what people write."""
MOST_ESCALATED = 0.005
"""How much of children's everyday talk may be taken for a danger that an adult is told of."""
MISSED_OVER_FALSE = 2.0
"""How much more a grave danger that nobody is told of weighs than a moderate one that is told."""


def rows_for(language: Language, data: Path) -> list[Row]:
    """Everything one language's model may learn from."""
    rows = [row for row in (*corpus(), *everyday()) if not row.held_out]
    rows += ordinary(data)
    if language == "zh":
        rows += [*psyguard(data), *(row for row in smile(data) if not row.held_out)]
    return [row for row in rows if row.lang == language]


def trusted(data: Design) -> NDArray[np.int64]:
    """The places of the rows whose label was read, or which no rule speaks against."""
    doubtful = [
        row.source in UNREAD and any(clue.level >= RiskLevel.MODERATE for clue in clues)
        for row, clues in zip(data.rows, data.clues, strict=True)
    ]
    return np.flatnonzero(~np.array(doubtful))


def threshold(
    probability: NDArray[np.float64], truth: NDArray[np.bool_], beta: float = 1.0
) -> float:
    """The threshold of the greatest F-beta of `truth` by `probability`."""
    grid = np.arange(0.05, 0.96, 0.01)
    found = probability[:, None] >= grid
    hits = (found & truth[:, None]).sum(axis=0)
    score = (1 + beta**2) * hits / (beta**2 * truth.sum() + found.sum(axis=0) + 1e-9)
    return round(float(grid[int(np.argmax(score))]), 2)


def alarm_threshold(probability: NDArray[np.float64], rows: Sequence[Row]) -> float:
    """The lowest threshold at which no source has more false alarms than it may.

    Sentences written against a guard under construction are harder than anybody's talk, and do not
    count.
    """
    least = 0.05
    sources = np.array(
        [row.source if row.source in MOST_FALSE_ALARMS else "corpus" for row in rows]
    )
    counted = np.array([not row.source.startswith(("rounds", "early")) for row in rows])
    harmless = counted & np.array([row.level is RiskLevel.NONE for row in rows])
    for source, most in MOST_FALSE_ALARMS.items():
        here = probability[harmless & (sources == source)]
        if len(here):
            least = max(least, float(np.quantile(here, 1 - most)))
        _say(f"  {source}: {most:.3f} of its harmless talk lies above {least:.2f}")
    return round(least + 0.005, 2)


def certainty(
    data: Design, must: Collection[str], probability: NDArray[np.float64]
) -> tuple[float, float]:
    """(slope, offset): how probable it is that a `must` finding is right, by the model's log-odds.

    Not counted are the sentences that the rules were first checked with.
    """
    sure = np.array(
        [
            row.source != "early"
            and any(clue.source in must and clue.level >= RiskLevel.MODERATE for clue in clues)
            for row, clues in zip(data.rows, data.clues, strict=True)
        ]
    )
    right = np.array([row.level >= RiskLevel.MODERATE for row in data.rows])[sure]
    odds = np.log(probability[sure] / (1 - probability[sure]))
    _say(f"must rules: {len(right)} findings, {right.mean():.3f} of them right")
    return platt(odds, right)


def thresholds(
    data: Design, probabilities: NDArray[np.float64], must: Collection[str]
) -> Thresholds:
    """Choose every threshold on probabilities of rows that the model did not see."""
    level = np.array([int(row.level) for row in data.rows])
    own = np.array([row.source not in MOST_FALSE_ALARMS for row in data.rows])
    moderate = alarm_threshold(probabilities[:, 1], data.rows)
    flagged = own & (probabilities[:, 1] >= moderate)
    everyday = (level == 0) & np.array([row.source == "everyday" for row in data.rows])
    return Thresholds(
        low=max(threshold(probabilities[own, 0], level[own] >= 1), 0.3),
        moderate=moderate,
        high=max(
            threshold(probabilities[flagged, 2], level[flagged] >= 3, beta=MISSED_OVER_FALSE),
            round(float(np.quantile(probabilities[everyday, 2], 1 - MOST_ESCALATED)), 2),
        ),
        imminent=threshold(probabilities[flagged, 3], level[flagged] >= 4),
        support=round(0.7 * moderate, 3),
        must=certainty(data, must, probabilities[:, 1]),
    )


def build(
    language: Language, data: Design, must: Collection[str]
) -> tuple[LinearModel, Thresholds]:
    """Fit one language's model and choose its thresholds."""
    scores = unseen_scores(data, tuple(LEVELS))
    slopes = [
        calibration(scores[:, i], data, head) if head in LEVELS else (1.0, 0.0)
        for i, head in enumerate(HEADS)
    ]
    calibrated = np.array(slopes[: len(LEVELS)])
    probabilities = 1 / (1 + np.exp(-(scores * calibrated[:, 0] + calibrated[:, 1])))
    weights, bias = fit(data)
    chosen = thresholds(data, probabilities, must)
    _say(f"{language}: {len(data.rows)} rows, {chosen.model_dump()}")
    return LinearModel.squeezed(HEADS, weights, bias, slopes), chosen


def main() -> int:
    """Write the model's three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public sets")
    data: Path = parser.parse_args().data
    if missing := [name for name in FILES if not (data / name).is_file()]:
        _say(
            f"{data} has no {', '.join(missing)}; guards/corpus/README.md tells where they are from"
        )
        return 2
    MODEL.mkdir(exist_ok=True)
    (MODEL / "rules.json.gz").write_bytes(compile_rules(corpus_texts()))
    rules = read_compiled(MODEL / "rules.json.gz")
    lexicons = {language: Lexicon(of) for language, of in rules.items()}
    arrays: dict[str, NDArray[np.generic]] = {}
    chosen: dict[str, object] = {}
    for language in rules:
        read = design(rows_for(language, data), lexicons)
        model, limits = build(language, read.take(trusted(read)), lexicons[language].must)
        arrays |= model.arrays(language)
        chosen[language] = limits.model_dump()
    np.savez_compressed(MODEL / "weights.npz", allow_pickle=False, **arrays)
    (MODEL / "thresholds.json").write_text(json.dumps(chosen, indent=1) + "\n", encoding="utf-8")
    for path in sorted(MODEL.iterdir()):
        _say(f"{path.name}  {path.stat().st_size:,} bytes  {sha256(path.read_bytes()).hexdigest()}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
