"""Build the embedded reply classifier: `make reply-model`.

    python guards/training/train_replies.py --data FOLDER

reads the corpus (`guards/corpus/replies`), the curated lines and two public sets in FOLDER, and
writes `rules.json.gz`, `weights.npz` and `thresholds.json` into
`guards/qiaoban_guards/output/model`, the same bytes every time. The thresholds are chosen on pairs
whose group the fold's model has not seen.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from compile_rules import gram_frequency
from fit import platt
from joblib import Parallel, delayed
from numpy.typing import NDArray
from reply_rows import (
    FILES,
    Pair,
    Unit,
    adult_pairs,
    corpus_pairs,
    counsel_pairs,
    curated_pairs,
    units,
)
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from qiaoban_guards.classification.features import BUCKETS
from qiaoban_guards.classification.linear import LinearModel
from qiaoban_guards.harms import Harm
from qiaoban_guards.output.classifier import HARMS, HEADS, ReplyThresholds, model_input
from qiaoban_guards.output.lexicon import ReplyLexicon, ReplyRules, read_reply_rules
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk import Risk, RiskClassifier
from qiaoban_guards.risk.prefilter import Prefilter
from qiaoban_guards.text import Text, normalise

OUTPUT = Path(__file__).parents[1] / "qiaoban_guards" / "output"
MODEL = OUTPUT / "model"
FOLDS = 4
STRENGTH = 20.0
WEIGHTS = {"cpsycound": 0.1, "diasafety": 0.1, "content": 0.7}
"""Rows that were not written as contrast count for less."""
MOST_FALSE_ALARMS: Mapping[str, tuple[float, float]] = {
    "corpus": (0.03, 0.012),
    "content": (0.02, 0.02),
    "cpsycound": (0.02, 0.02),
    "diasafety": (0.05, 0.05),
}
"""How much of the good replies of a source may be withheld: as a whole, and on the way. In the
corpus they are written to look harmful; those of the others are what people say."""
MOST_IGNORED = 0.004
"""How much of the good replies may be read as passing over a danger."""


@dataclass(frozen=True, slots=True)
class Design:
    """`inputs` is (units, BUCKETS), each row of unit length."""

    pairs: Sequence[Pair]
    units: Sequence[Unit]
    inputs: Any

    @property
    def groups(self) -> NDArray[np.str_]:
        """The group of every unit."""
        return np.array([self.pairs[unit.pair].group for unit in self.units])


def compiled(language: Language, texts: Sequence[str]) -> dict[str, Any]:
    """One language's rules as plain data, with the grams that find them."""
    rules = read_reply_rules(OUTPUT / "lexicon" / language)
    prefilter = Prefilter.build([(rule.any, ()) for rule in rules.rules], gram_frequency(texts))
    written = rules.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    also = {str(rule): [sorted(grams) for grams in sets] for rule, sets in prefilter.also.items()}
    return {**written, "grams": prefilter.index, "always": prefilter.always, "also": also}


def pairs_for(language: Language, data: Path) -> list[Pair]:
    """Everything one language's model may learn from."""
    pairs = [pair for pair in corpus_pairs() if pair.lang == language]
    pairs += curated_pairs(language)
    pairs += counsel_pairs(data) if language == "zh" else adult_pairs(data)
    return pairs


def design(pairs: Sequence[Pair], lexicon: ReplyLexicon) -> Design:
    """Read every unit the way the classifier reads a sentence."""
    risk = RiskClassifier.shipped()
    children: dict[str, tuple[Text, Risk]] = {}
    cut = list(units(pairs))
    indices: list[NDArray[np.int64]] = []
    for unit in cut:
        if unit.child not in children:
            plain = normalise(unit.child)
            children[unit.child] = (plain, risk.assess(plain))
        text, (child, found) = normalise(unit.text), children[unit.child]
        # Where the rules were fitted they are always right, and would be trusted too much.
        fitted = pairs[unit.pair].rules_saw
        clues = [] if fitted else list(lexicon.clues(text, child.plain))
        indices.append(model_input(child, found, text, clues))
    ends = np.cumsum([0, *(len(index) for index in indices)])
    values = np.concatenate([np.full(len(i), max(len(i), 1) ** -0.5) for i in indices])
    inputs = csr_matrix(
        (values.astype(np.float64), np.concatenate(indices), ends), shape=(len(cut), BUCKETS)
    )
    return Design(pairs, cut, inputs)


def targets(data: Design, head: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(what `head` should say of each unit, which units tell it)."""
    cut = data.units
    if head == "harmful":
        truth = [bool(unit.harms - {Harm.RISK_IGNORED}) for unit in cut]
        told = [unit.told and unit.harms != {Harm.RISK_IGNORED} for unit in cut]
    elif head == "ignored":
        truth = [Harm.RISK_IGNORED in unit.harms for unit in cut]
        told = [unit.whole for unit in cut]
    else:
        truth = [head in unit.harms for unit in cut]
        told = [bool(unit.harms - {Harm.RISK_IGNORED}) for unit in cut]
    return np.array(truth, bool), np.array(told, bool)


def fit_head(data: Design, head: str, at: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """The weights (BUCKETS,) and the bias of one head, from the units at `at`."""
    truth, told = targets(data, head)
    told &= np.isin(np.arange(len(told)), at)
    if len(set(truth[told].tolist())) < 2:
        return np.zeros(BUCKETS), -8.0
    weight = np.array([WEIGHTS.get(data.pairs[unit.pair].source, 1.0) for unit in data.units])
    model = LogisticRegression(C=STRENGTH, max_iter=400, tol=1e-4, class_weight="balanced")
    model.fit(data.inputs[told], truth[told], sample_weight=weight[told])
    return model.coef_[0], float(model.intercept_[0])


def fit(
    data: Design, at: NDArray[np.int64], heads: Sequence[str] = HEADS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The weights (BUCKETS, heads) and the biases (heads,)."""
    fitted = Parallel(n_jobs=2)(delayed(fit_head)(data, head, at) for head in heads)
    return np.stack([weights for weights, _ in fitted], axis=1), np.array([b for _, b in fitted])


def unseen_scores(data: Design, heads: Sequence[str]) -> NDArray[np.float64]:
    """The scores (units, heads) of every unit by a model fitted without its group."""
    scores = np.zeros((len(data.units), len(heads)))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=7)
    for seen, unseen in folds.split(data.inputs, groups=data.groups):
        weights, bias = fit(data, seen, heads)
        scores[unseen] = data.inputs[unseen] @ weights + bias
    return scores


def _by_pair(data: Design, values: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """The value of every pair's whole reply, or the greatest on the way to it."""
    greatest = np.zeros(len(data.pairs))
    for unit, value in zip(data.units, values.tolist(), strict=True):
        if unit.whole == whole:
            greatest[unit.pair] = max(greatest[unit.pair], value)
    return greatest


def thresholds(data: Design, probabilities: NDArray[np.float64]) -> ReplyThresholds:
    """The lowest thresholds at which no source's good replies are withheld more than they may."""
    whole = _by_pair(data, probabilities[:, 0], whole=True)
    on_the_way = _by_pair(data, probabilities[:, 0], whole=False)
    ignored = _by_pair(data, probabilities[:, 1], whole=True)
    good = np.array([pair.harm is None for pair in data.pairs])
    source = np.array([pair.source for pair in data.pairs])
    harmful = so_far = 0.05
    for name, (most, most_so_far) in MOST_FALSE_ALARMS.items():
        here = good & (source == name)
        if here.any():
            harmful = max(harmful, float(np.quantile(whole[here], 1 - most)))
            so_far = max(so_far, float(np.quantile(on_the_way[here], 1 - most_so_far)))
            _say(f"  {name}: thresholds up to here {harmful:.3f}, {so_far:.3f}")
    own = good & (source == "corpus")
    return ReplyThresholds(
        so_far=round(max(so_far, harmful) + 0.0005, 3),
        harmful=round(harmful + 0.0005, 3),
        ignored=round(float(np.quantile(ignored[own], 1 - MOST_IGNORED)), 3),
    )


def build(data: Design) -> tuple[LinearModel, ReplyThresholds]:
    """Fit one language's model and choose its thresholds."""
    scores = unseen_scores(data, HEADS[:2])
    slopes: list[tuple[float, float]] = []
    for number, head in enumerate(HEADS[:2]):
        truth, told = targets(data, head)
        slopes.append(platt(scores[told, number], truth[told]))
    calibrated = np.array(slopes)
    probabilities = 1 / (1 + np.exp(-(scores * calibrated[:, 0] + calibrated[:, 1])))
    chosen = thresholds(data, probabilities)
    weights, bias = fit(data, np.arange(len(data.units)))
    slopes += [(1.0, 0.0)] * len(HARMS)
    return LinearModel.squeezed(HEADS, weights, bias, slopes), chosen


def write_rules(folder: Path, pairs: Sequence[Pair]) -> dict[Language, ReplyLexicon]:
    """Write `rules.json.gz`; return what it holds."""
    languages: tuple[Language, ...] = ("zh", "en")
    texts = [pair.reply for pair in pairs]
    data = {language: compiled(language, texts) for language in languages}
    written = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    (folder / "rules.json.gz").write_bytes(gzip.compress(written.encode(), mtime=0))
    return {
        language: ReplyLexicon(ReplyRules.model_validate(data[language])) for language in languages
    }


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
    lexicons = write_rules(MODEL, corpus_pairs())
    arrays: dict[str, NDArray[np.generic]] = {}
    chosen: dict[str, object] = {}
    for language, lexicon in lexicons.items():
        read = design(pairs_for(language, data), lexicon)
        model, limits = build(read)
        arrays |= model.arrays(language)
        chosen[language] = limits.model_dump(mode="json")
        _say(f"{language}: {len(read.pairs)} pairs, {len(read.units)} units, {chosen[language]}")
    np.savez_compressed(MODEL / "weights.npz", allow_pickle=False, **arrays)
    (MODEL / "thresholds.json").write_text(json.dumps(chosen, indent=1) + "\n", encoding="utf-8")
    for path in sorted(MODEL.iterdir()):
        _say(f"{path.name}  {path.stat().st_size:,} bytes  {sha256(path.read_bytes()).hexdigest()}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
