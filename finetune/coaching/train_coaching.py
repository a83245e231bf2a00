"""Build the embedded coaching model: `make coaching-model`.

    python finetune/coaching/train_coaching.py

reads the corpus beside this file and writes `weights.npz` and `thresholds.json` into
`qiaoban_agent/coaching/model`, the same bytes every time. Rows held out (`split: test`) are not
used; `evaluate_coaching.py` measures on them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from coaching_rows import ActRow, CueRow, EmotionRow, rows
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import (
    ACT_HEADS,
    ACTS,
    BUCKETS,
    CHILD_HEADS,
    CLAUSE_HEADS,
    CUES,
    EMOTIONS,
    TURNS_THE_TALK,
    Thresholds,
    act_input,
    child_input,
    clause_input,
)
from qiaoban_agent.coaching.clauses import clauses, event_of
from qiaoban_agent.coaching.content import COACHING_ACTS, Act, Content
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Lexicon
from qiaoban_agent.coaching.linter import sample
from qiaoban_guards.classification.linear import LinearModel
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import normalise, split_sentences

MODEL = Path(__file__).parents[2] / "qiaoban_agent" / "coaching" / "model"
FOLDS = 5
STRENGTH = 2.0
"""Of the fit (1/penalty)."""
NAMED_RIGHT = 0.85
"""How often a feeling that is named to a child has to be the right one."""
SURE = 0.95
"""How precise an act has to be before a model's sentence is withheld for it."""
CAREFUL = 0.9
"""How precise a cue has to be that ends the talk or turns it back."""
LANGUAGES: tuple[Language, ...] = ("zh", "en")
Truth = NDArray[np.bool_]
Numbers = NDArray[np.float64]


def matrix(indices: Sequence[NDArray[np.int64]]) -> Any:
    """(rows, BUCKETS), each row of unit length."""
    ends = np.cumsum([0, *(len(index) for index in indices)])
    values = np.concatenate([np.full(len(i), max(len(i), 1) ** -0.5) for i in indices])
    shape = (len(indices), BUCKETS)
    return csr_matrix((values, np.concatenate(indices), ends), shape=shape)


def child_matrix(
    texts: Sequence[str], before: Sequence[frozenset[CoachingAct]], language: Language
) -> Any:
    """Messages of children, read as the companion reads them."""
    lexicon = Lexicon.shipped(language)
    indices: list[NDArray[np.int64]] = []
    for text, acts in zip(texts, before, strict=True):
        plain = normalise(text).plain
        indices.append(child_input(plain, lexicon.read(plain), acts, language))
    return matrix(indices)


def one_head(inputs: Any, truth: Truth) -> tuple[Numbers, float]:
    """The weights (BUCKETS,) and the bias of one yes-or-no head."""
    model = LinearSVC(C=STRENGTH, class_weight="balanced", random_state=7).fit(inputs, truth)
    return model.coef_[0], float(model.intercept_[0])


def unseen(inputs: Any, truth: Truth, groups: Sequence[str]) -> Numbers:
    """The score of every row by a head fitted without its group."""
    scores = np.zeros(len(truth))
    for seen, left in GroupKFold(FOLDS).split(inputs, truth, groups):
        weights, bias = one_head(inputs[seen], truth[seen])
        scores[left] = inputs[left] @ weights + bias
    return scores


def calibrated(scores: Numbers, truth: Truth) -> tuple[float, float]:
    """(slope, offset) of the logistic curve that makes probabilities of scores (Platt 1999)."""
    model = LogisticRegression(C=1e3).fit(scores[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def emotion_weights(inputs: Any, labels: Sequence[Emotion]) -> tuple[Numbers, Numbers]:
    """The weights (BUCKETS, emotions) and biases, each emotion against all others."""
    truth = np.array([EMOTIONS.index(label) for label in labels])
    model = LinearSVC(C=STRENGTH, class_weight="balanced", random_state=7).fit(inputs, truth)
    return model.coef_.T, model.intercept_


def emotion_slope(scores: Numbers, right: NDArray[np.int64]) -> float:
    """The slope at which the softmax of scores (rows, emotions) gives true probabilities."""
    grid = np.arange(0.5, 12, 0.1)
    losses: list[float] = []
    for slope in grid:
        scaled = scores * slope
        scaled -= scaled.max(axis=1, keepdims=True)
        chances = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
        losses.append(float(-np.log(chances[np.arange(len(right)), right] + 1e-9).mean()))
    return round(float(grid[int(np.argmin(losses))]), 1)


def naming(inputs: Any, data: Sequence[EmotionRow]) -> tuple[float, float]:
    """(slope, threshold) of emotions; from the threshold on NAMED_RIGHT of the likeliest hold."""
    scores = np.zeros((len(data), len(EMOTIONS)))
    groups = [row.group for row in data]
    for seen, left in GroupKFold(FOLDS).split(inputs, groups=groups):
        weights, bias = emotion_weights(inputs[seen], [data[i].emotion for i in seen.tolist()])
        scores[left] = inputs[left] @ weights + bias
    slope = emotion_slope(scores, np.array([EMOTIONS.index(row.emotion) for row in data]))
    scaled = np.exp((scores - scores.max(axis=1, keepdims=True)) * slope)
    shares = scaled.max(axis=1) / scaled.sum(axis=1)
    likeliest = [EMOTIONS[best] for best in scores.argmax(axis=1).tolist()]
    right = np.array([e in {r.emotion, *r.also} for e, r in zip(likeliest, data, strict=True)])
    for least in np.arange(0.1, 0.9, 0.01):
        if right[shares >= least].mean() >= NAMED_RIGHT:
            return slope, round(float(least), 2)
    return slope, 0.9


def best_threshold(scores: Numbers, truth: Truth) -> float:
    """The probability from which on F1 is greatest."""
    shares = 1 / (1 + np.exp(-scores))
    grid = np.arange(0.2, 0.96, 0.01)
    found = shares[:, None] >= grid
    hits = (found & truth[:, None]).sum(axis=0)
    score = 2 * hits / (truth.sum() + found.sum(axis=0) + 1e-9)
    return round(float(grid[int(np.argmax(score))]), 2)


def sure_threshold(scores: Numbers, truth: Truth, precision: float = SURE) -> float:
    """The lowest probability from which on `precision` of what is found is right."""
    shares = 1 / (1 + np.exp(-scores))
    for least in np.arange(0.3, 0.99, 0.01):
        found = shares >= least
        if found.any() and truth[found].mean() >= precision:
            return round(float(least), 2)
    return 0.99


def build_child(language: Language) -> tuple[LinearModel, dict[Cue, float], float]:
    """The model of a child's message, the thresholds of its cues and of naming a feeling."""
    felt = [row for row in rows(EmotionRow, language) if not row.held_out]
    cued = [row for row in rows(CueRow, language) if not row.held_out]
    felt += [silent(row) for row in cued if row.cues == {Cue.MINIMAL}]
    answered = act_reader(language)
    before = [frozenset[CoachingAct]() for _ in felt] + [answered(row.before) for row in cued]
    inputs = child_matrix([r.text for r in felt] + [r.text for r in cued], before, language)
    of_felt = inputs[: len(felt)]
    slope, least = naming(of_felt, felt)
    weights, bias = emotion_weights(of_felt, [row.emotion for row in felt])
    columns, biases, slopes = [weights], [bias], [(slope, 0.0)] * len(EMOTIONS)
    strong = [row.emotion is not Emotion.NONE for row in felt]
    for step in (2, 3):
        truth = np.array([row.intensity >= step for row in felt])[strong]
        groups = [row.group for row in felt if row.emotion is not Emotion.NONE]
        scores = unseen(of_felt[strong], truth, groups)
        head = one_head(of_felt[strong], truth)
        columns.append(head[0][:, None])
        biases.append(np.array([head[1]]))
        slopes.append(calibrated(scores, truth))
    thresholds: dict[Cue, float] = {}
    groups = [row.group for row in (*felt, *cued)]
    for cue in CUES:
        shows = np.array([cue in row.cues for row in cued])
        # Rows with a feeling tell of causes too; of other cues they have what the lexicon sees.
        told = [bool(row.cause) if cue is Cue.CAUSE else None for row in felt]
        known = np.array(
            [
                truth is not None or not hinted(row, cue, language)
                for truth, row in zip(told, felt, strict=True)
            ]
        )
        place = np.flatnonzero(np.concatenate([known, np.ones(len(cued), bool)]))
        truth = np.concatenate([np.array([bool(t) for t in told]), shows])[place]
        data = inputs[place]
        scores = unseen(data, truth, [groups[i] for i in place.tolist()])
        slopes.append(calibrated(scores, truth))
        scores = scores * slopes[-1][0] + slopes[-1][1]
        thresholds[cue] = best_threshold(scores, truth)
        if cue in TURNS_THE_TALK:
            careful = sure_threshold(scores, truth, CAREFUL)
            thresholds[cue] = max(thresholds[cue], min(careful, 0.7))
        head = one_head(data, truth)
        columns.append(head[0][:, None])
        biases.append(np.array([head[1]]))
    model = LinearModel.squeezed(
        CHILD_HEADS, np.concatenate(columns, axis=1), np.concatenate(biases), slopes
    )
    return model, thresholds, least


def hinted(row: EmotionRow, cue: Cue, language: Language) -> bool:
    """Whether the lexicon sees signs of a cue in a row that nobody labelled for cues."""
    clues = Lexicon.shipped(language).read(normalise(row.text).plain)
    return cue in clues.cues or f"cue:{cue}" in clues.hints


def silent(row: CueRow) -> EmotionRow:
    """A syllable by itself shows no feeling."""
    return EmotionRow(
        text=row.text,
        emotion=Emotion.NONE,
        intensity=0,
        cause="",
        also=(),
        group=row.group,
        split=row.split,
    )


def build_clause(language: Language) -> LinearModel:
    """The model that tells which clause has the cause."""
    lexicon = Lexicon.shipped(language)
    indices: list[NDArray[np.int64]] = []
    truth: list[bool] = []
    for row in rows(EmotionRow, language):
        text = normalise(row.text)
        feelings = lexicon.feelings(text.plain)
        parts = [
            part
            for part in clauses(text.plain, language)
            if event_of(text.plain, part, feelings, language) is not None
        ]
        if row.held_out or not row.cause or len(parts) < 2:
            continue
        start = row.text.index(row.cause)
        told = [
            start <= a and b <= start + len(row.cause)
            for a, b in zip(text.starts, text.ends, strict=True)
        ]
        for place, part in enumerate(parts):
            indices.append(clause_input(text.plain, parts, place, feelings, language))
            truth.append(float(np.mean(told[part.start : part.end])) >= 0.5)
    weights, bias = one_head(matrix(indices), np.array(truth))
    return LinearModel.squeezed(CLAUSE_HEADS, weights[:, None], np.array([bias]), [(1.0, 0.0)])


def curated(language: Language) -> list[ActRow]:
    """The companion's own lines, each with the act that it was written for."""
    content = Content.shipped(language)
    return [
        ActRow(
            text=sample(line, language),
            acts=frozenset({COACHING_ACTS[act]} if act in COACHING_ACTS else ()),
            group=f"content-{act}-{line.id}",
            split="train",
        )
        for act in Act
        for line in content.lines(act)
    ]


def act_columns(language: Language) -> tuple[Any, list[ActRow]]:
    """The assistant's sentences as a matrix, and their rows."""
    told = [row for row in rows(ActRow, language) if not row.held_out]
    told += curated(language)
    return matrix([act_input(normalise(row.text).plain, language) for row in told]), told


def build_act(
    language: Language,
) -> tuple[LinearModel, dict[CoachingAct, float], dict[CoachingAct, float]]:
    """The model of an assistant's sentence; its thresholds, best and sure."""
    inputs, told = act_columns(language)
    groups = [row.group for row in told]
    # Thresholds are chosen on the corpus: the companion's own lines are easier than a model's.
    labelled = np.array([not row.group.startswith("content-") for row in told])
    heads: list[tuple[Numbers, float]] = []
    slopes: list[tuple[float, float]] = []
    best: dict[CoachingAct, float] = {}
    sure: dict[CoachingAct, float] = {}
    for act in ACTS:
        truth = np.array([act in row.acts for row in told])
        scores = unseen(inputs, truth, groups)
        slopes.append(calibrated(scores, truth))
        scores = scores * slopes[-1][0] + slopes[-1][1]
        best[act] = best_threshold(scores[labelled], truth[labelled])
        sure[act] = sure_threshold(scores[labelled], truth[labelled])
        heads.append(one_head(inputs, truth))
    model = LinearModel.squeezed(
        ACT_HEADS,
        np.stack([weights for weights, _ in heads], axis=1),
        np.array([bias for _, bias in heads]),
        slopes,
    )
    return model, best, sure


_act_models: dict[Language, tuple[LinearModel, dict[CoachingAct, float]]] = {}


def act_reader(language: Language) -> Any:
    """What reads the acts of the sentence before a child's message, by the model just built."""
    model, least = _act_models[language]

    def acts_of(text: str) -> frozenset[CoachingAct]:
        found: set[CoachingAct] = set()
        for sentence in split_sentences(text):
            plain = normalise(sentence.text).plain
            if plain.strip():
                shares = model.probabilities(act_input(plain, language))
                found |= {a for a, share in zip(ACTS, shares, strict=True) if share >= least[a]}
        return frozenset(found)

    return acts_of


def main() -> int:
    """Write the model's two files."""
    MODEL.mkdir(exist_ok=True)
    arrays: dict[str, NDArray[np.generic]] = {}
    chosen: dict[str, object] = {}
    for language in LANGUAGES:
        act, best, sure = build_act(language)
        _act_models[language] = act, best
        child, cues, least = build_child(language)
        clause = build_clause(language)
        for name, model in (("act", act), ("child", child), ("clause", clause)):
            arrays |= model.arrays(f"{language}.{name}")
        limits = Thresholds(emotion=least, cues=cues, acts=best, sure=sure)
        chosen[language] = limits.model_dump(mode="json")
    np.savez_compressed(MODEL / "weights.npz", allow_pickle=False, **arrays)
    (MODEL / "thresholds.json").write_text(json.dumps(chosen, indent=1) + "\n", encoding="utf-8")
    for path in sorted(MODEL.iterdir()):
        sys.stdout.write(
            f"{path.name}  {path.stat().st_size:,} bytes  {sha256(path.read_bytes()).hexdigest()}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
