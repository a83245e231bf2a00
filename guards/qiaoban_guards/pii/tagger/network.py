"""The tagger: a convolutional network over tokens, and the best sequence of labels.

Embeddings of hashed features are added up for each token; convolutions of width three with growing
gaps let a token see eight others on either side; a linear-chain CRF (Lafferty et al. 2001) scores
which label may follow which, and Viterbi's algorithm finds the best sequence. All in NumPy; trained
by `guards/training/train_tagger.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading
from qiaoban_guards.pii.tagger.tokens import Find, Token, features_of, tokens_of

Floats = NDArray[np.float32]
OUTSIDE = "O"
SURE = 0.7
"""From which score on a span counts; chosen on sentences that were held out for it."""
CERTAIN = 6.0
"""A lead of being nothing that no neighbour turned, in any sentence of the corpus."""
_BLOCK = 16
"""Tokens; OpenBLAS takes more threads where a product has over 2 ** 18 multiplications."""
TAGGED = (
    Kind.NAME,
    Kind.ADDRESS,
    Kind.SCHOOL,
    Kind.WORKPLACE,
    Kind.LOCATION,
    Kind.PHOTO,
    Kind.BIRTHDAY,
    Kind.AGE,
)
"""The kinds that are recognised by how they are talked about."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A find in `plain[start:end]`; `score` is the mean probability of its tokens' labels."""

    kind: Kind
    start: int
    end: int
    score: float


class Network:
    """The trained weights; one object serves any number of threads.

    embedding: (BUCKETS, d) int8 with a `scale` for each column; convolutions: (width × in, out)
    with the gap between the tokens they see; labels: `O`, `B-name`, `I-name`, …
    """

    def __init__(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        self._embedding = arrays["embedding"]
        self._scale = arrays["scale"].astype(np.float32)
        self._layers = [
            (arrays[f"weight{n}"].astype(np.float32), arrays[f"bias{n}"].astype(np.float32), int(g))
            for n, g in enumerate(arrays["gaps"])
        ]
        self._out = arrays["out"].astype(np.float32)
        self._out_bias = arrays["out_bias"].astype(np.float32)
        self.follows = arrays["follows"].astype(np.float32)
        self.labels: tuple[str, ...] = tuple(str(label) for label in arrays["labels"])
        self._outside = self.labels.index(OUTSIDE)

    def tag(self, reading: Reading, finds: Iterable[Find]) -> list[Tagged]:
        """What the network finds in a message; `finds` are what rules found in it."""
        tokens = tokens_of(reading)
        if not tokens:
            return []
        scores = self.scores(features_of(reading, tokens, finds))
        return self._spans(tokens, self.best(scores), scores)

    def scores(self, features: Sequence[Sequence[int]]) -> Floats:
        """(tokens, labels): how much speaks for each label of each token."""
        counts = [len(its) for its in features]
        starts = np.cumsum([0, *counts[:-1]])
        flat = np.fromiter(chain.from_iterable(features), np.int64)
        rows = self._embedding[flat].astype(np.float32)
        hidden = np.add.reduceat(rows, starts, axis=0) * self._scale
        for number, (weight, bias, gap) in enumerate(self._layers):
            seen = _convolved(hidden, weight, bias, gap)
            hidden = seen if number == 0 else hidden + seen
        return hidden @ self._out + self._out_bias

    def best(self, scores: Floats, certain: float = CERTAIN) -> list[int]:
        """The label of each token in the sequence for which most speaks.

        A token for which being nothing leads by `certain` is nothing, and what lies between two
        such tokens is searched. With infinity it is one search over all.
        """
        best = [self._outside] * len(scores)
        rivals = scores.copy()
        rivals[:, self._outside] = -np.inf
        may_be = np.flatnonzero(scores[:, self._outside] - rivals.max(1) < certain).tolist()
        for first, last in _runs(may_be):
            start, end = max(first - 1, 0), last + 2
            best[start:end] = self._searched(scores[start:end])
        return best

    def _searched(self, scores: Floats) -> list[int]:
        """Viterbi's algorithm."""
        so_far = scores[0]
        came_from: list[NDArray[np.intp]] = []
        for own in scores[1:]:
            paths = so_far[:, None] + self.follows
            came_from.append(paths.argmax(0))
            so_far = paths.max(0) + own
        best = [int(so_far.argmax())]
        for origin in reversed(came_from):
            best.append(int(origin[best[-1]]))
        return best[::-1]

    def _spans(self, tokens: Sequence[Token], best: Sequence[int], scores: Floats) -> list[Tagged]:
        if all(number == self._outside for number in best):
            return []
        shares = _softmax(scores)
        spans: list[tuple[str, list[int]]] = []
        for place, label in enumerate(self.labels[number] for number in best):
            if label == OUTSIDE:
                continue
            if label.startswith("B-") or not spans or spans[-1][1][-1] != place - 1:
                spans.append((label[2:], [place]))
            else:
                spans[-1][1].append(place)
        scored = [
            (kind, places, float(np.mean([shares[place, best[place]] for place in places])))
            for kind, places in spans
        ]
        return [
            Tagged(Kind(kind), tokens[places[0]].start, tokens[places[-1]].end, score)
            for kind, places, score in scored
            if score >= SURE and tokens[places[0]].form.isalnum()
        ]


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of places that lie together; those with one other between them do, too."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and place - runs[-1][1] <= 2:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def _convolved(hidden: Floats, weight: Floats, bias: Floats, gap: int) -> Floats:
    """(tokens, out): a token, and those `gap` before and after it, each by its third of `weight`.

    In blocks so small that BLAS stays in this thread: on a busy machine, to wait for its other
    threads takes longer than the work.
    """
    count, width = hidden.shape
    blocks = -(-count // _BLOCK)
    padded = np.zeros((blocks * _BLOCK + 2 * gap, width), np.float32)
    padded[gap : gap + count] = hidden
    before, itself, after = (
        padded[third * gap : third * gap + blocks * _BLOCK].reshape(blocks, _BLOCK, width) @ part
        for third, part in enumerate(weight.reshape(3, width, -1))
    )
    before += itself
    before += after
    convolved: Floats = before.reshape(-1, weight.shape[1])[:count]
    convolved += bias
    return np.maximum(convolved, 0, out=convolved)


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(1, keepdims=True))
    shares: Floats = raised / raised.sum(1, keepdims=True)
    return shares


@lru_cache(maxsize=1)
def shipped_network() -> Network:
    """The network that is shipped; read once."""
    with (files("qiaoban_guards") / "pii" / "tagger" / "model.npz").open("rb") as file:
        return Network(dict(np.load(file, allow_pickle=False)))
