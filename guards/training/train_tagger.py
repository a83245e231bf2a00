"""Train the tagger of personal data: `make tagger-model`.

    python guards/training/train_tagger.py --data ../shared/data

First the network guesses hidden tokens in all texts that may go into weights, then it learns the
labels of `guards/corpus/personal_data`. Sentences that rules were written in view of are learnt
without what the rules find in them, since rules find more there than anywhere else.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from personal_data_rows import Sentence, sentences
from sources import FILES
from tagger_net import (
    HIDDEN,
    arrays_of,
    batch_of,
    follows_of,
    hidden_of,
    hiding,
    loss_of,
    new_net,
    scores_of,
    torch,
)
from tagger_rows import Row, Swaps, row_of, unmarked_rows

from qiaoban_guards.pii.finder import Finder
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rules import all_rules

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "guards" / "corpus"
SETS = ROOT / "tests" / "data" / "pii"
MODEL = ROOT / "guards" / "qiaoban_guards" / "pii" / "tagger" / "model.npz"
SEEN_BY_RULES = ("dev_zh", "dev_en", "seen_zh", "seen_en")
UNSEEN_BY_RULES = ("more_zh", "more_en")
SEED = 20261122
_LONGEST = 160
_SENTENCE = re.compile(r"(?<=[。！？!?\n])")
_TEXT = re.compile(r"[\u3400-\u9fff].*[\u3400-\u9fff]|\S+\s\S+\s\S+\s\S+\s\S+", re.S)
_DROPPED = 0.2
_WITHOUT_RULES = 0.15


def texts(data: Path) -> list[str]:
    """Every piece of text that may go into weights, once."""
    files = [
        *sorted(CORPUS.glob("*/*.jsonl")),
        *sorted((CORPUS / "replies").glob("*/*.jsonl")),
        *sorted((ROOT / "finetune" / "coaching" / "corpus").rglob("*.jsonl")),
        *(data / name for name in FILES),
    ]
    pieces: dict[str, None] = {}
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            for text in _strings(json.loads(line)):
                cut = _SENTENCE.split(text) if len(text) > _LONGEST else [text]
                pieces.update(dict.fromkeys(piece.strip()[:_LONGEST] for piece in cut))
    return [piece for piece in pieces if _TEXT.search(piece)]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


class Batches:
    """Rows of like lengths together, in an order of chance, once an epoch."""

    def __init__(self, rows: Sequence[Row], size: int, chance: np.random.Generator) -> None:
        self._rows, self._size, self._chance = rows, size, chance

    def __iter__(self) -> Iterator[list[Row]]:
        near = np.asarray([len(row) for row in self._rows]) + self._chance.random(len(self._rows))
        order = np.argsort(near * (1 + 0.1 * self._chance.random(len(near))))
        starts = np.arange(0, len(order), self._size)
        for start in self._chance.permutation(starts):
            yield [self._rows[number] for number in order[start : start + self._size]]


def pretrained(rows: Sequence[Row], epochs: int) -> Any:
    """A network that has learnt to guess hidden tokens."""
    torch.manual_seed(SEED)
    chance = np.random.default_rng(SEED)
    net = new_net(0.1)
    words = 1 + max(int(row.label.max()) for row in rows)
    guess = torch.nn.Linear(HIDDEN, words)
    weights = [*net.parameters(), *guess.parameters()]
    steps = Steps(weights, net["embedding"].weight, 2e-3, epochs * -(-len(rows) // 64))
    for epoch in range(epochs):
        for some in Batches(rows, 64, chance):
            hidden, shown = zip(*(hiding(row, chance) for row in some), strict=True)
            bag, labels, mask = batch_of(some, shown)
            wanted = torch.zeros_like(labels, dtype=torch.bool)
            for number, those in enumerate(hidden):
                wanted[number, : len(those)] = torch.from_numpy(those)
            wanted &= labels > 0
            if wanted.any():
                seen = guess(hidden_of(net, bag, mask)[wanted])
                steps.step(torch.nn.functional.cross_entropy(seen, labels[wanted]))
        sys.stdout.write(f"hidden tokens, epoch {epoch + 1}: {steps.mean():.3f}\n")
    return net


def reading_part(net: Any) -> dict[str, Any]:
    """The weights that are learnt from hidden tokens: all but those of the labels."""
    return {
        name: value
        for name, value in net.state_dict().items()
        if not name.startswith(("out.", "follows."))
    }


def trained(net: Any, rows: Sequence[Row], epochs: int, seed: int = SEED) -> Any:
    """The network after the labels; the mean of its last steps' weights."""
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    labelled = new_net(0.3)
    labelled.load_state_dict(reading_part(net), strict=False)
    total = epochs * -(-len(rows) // 32)
    steps = Steps(list(labelled.parameters()), labelled["embedding"].weight, 2e-3, total)
    means = torch.optim.swa_utils.AveragedModel(
        labelled, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)
    )
    for epoch in range(epochs):
        for number, some in enumerate(Batches(rows, 32, chance)):
            bag, labels, mask = batch_of(some, [_dropping(row, chance) for row in some])
            steps.step(loss_of(scores_of(labelled, bag, mask), follows_of(labelled), labels, mask))
            if number % 10 == 0:
                means.update_parameters(labelled)
        sys.stdout.write(f"labels, epoch {epoch + 1}: {steps.mean():.3f}\n")
        sys.stdout.flush()
    return means.module.eval()


def _dropping(row: Row, chance: np.random.Generator) -> Any:
    """Which features are kept: of every other token all, of the rest most."""
    careless = chance.random(len(row)) < 0.5
    return chance.random(len(row.feature)) >= _DROPPED * careless[row.token]


class Steps:
    """Adam with a rate that rises and falls, and the loss since it was last asked for.

    Of the embeddings only those that a batch has are changed: most of the weights, and most of the
    time, is theirs.
    """

    def __init__(self, weights: list[Any], embeddings: Any, rate: float, total: int) -> None:
        self._dense = [one for one in weights if one is not embeddings]
        self._optimisers = (
            torch.optim.AdamW(self._dense, rate, weight_decay=1e-3),
            torch.optim.SparseAdam([embeddings], rate),
        )
        self._schedules = [
            torch.optim.lr_scheduler.OneCycleLR(
                one, rate, total_steps=total + 1, pct_start=0.1, cycle_momentum=False
            )
            for one in self._optimisers
        ]
        self._losses: list[float] = []

    def step(self, loss: Any) -> None:
        """Change the weights against the gradient of `loss`."""
        for one in self._optimisers:
            one.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._dense, 5)
        for optimiser, schedule in zip(self._optimisers, self._schedules, strict=True):
            optimiser.step()
            schedule.step()
        self._losses.append(float(loss.detach()))

    def mean(self) -> float:
        """The mean loss of the steps since the last call."""
        losses, self._losses = self._losses, []
        return sum(losses) / max(1, len(losses))


def labelled_rows(
    unseen: Sequence[Sentence], seen: Sequence[Sentence], variations: int
) -> list[Row]:
    """The rows of all sentences and of their variations; `seen` by who wrote the rules."""
    chance = random.Random(SEED)  # noqa: S311 - variations, not secrets
    rules = Finder(frozenset(Kind), all_rules())
    swaps = Swaps([*unseen, *seen], SEED)
    rows = [row_of(one, rules) for one in unseen] + [row_of(one, None) for one in seen]
    for _ in range(variations):
        for one in unseen:
            if one.entities:
                blind = chance.random() < _WITHOUT_RULES
                rows.append(row_of(swaps.varied(one), None if blind else rules))
        rows += [row_of(swaps.varied(one), None) for one in seen if one.entities]
    return [row for row in rows if row is not None]


def corpus(*, more: bool) -> tuple[list[Sentence], list[Sentence]]:
    """Sentences that rules were made without a view of, and such as they were made for."""
    files = sorted((CORPUS / "personal_data").glob("*/*.jsonl"))
    files += [SETS / f"{name}.jsonl" for name in UNSEEN_BY_RULES if more]
    seen = [SETS / f"{name}.jsonl" for name in SEEN_BY_RULES]
    return [s for f in files for s in sentences(f)], [s for f in seen for s in sentences(f)]


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and write the model's file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public sets")
    parser.add_argument("--without-more", action="store_true", help="leave more_* to be measured")
    parser.add_argument("--start", type=Path, help="where the first task's weights are, or go")
    parser.add_argument("--out", type=Path, default=MODEL)
    given = parser.parse_args(argv)
    torch.set_num_threads(2)
    unseen, seen = corpus(more=not given.without_more)
    if given.start is not None and given.start.exists():
        net = new_net(0.1)
        net.load_state_dict(torch.load(given.start), strict=False)
    else:
        pieces = [*texts(given.data), *(one.text for one in unseen)]
        net = pretrained(unmarked_rows(pieces), epochs=3)
        if given.start is not None:
            torch.save(reading_part(net), given.start)
    net = trained(net, labelled_rows(unseen, seen, variations=3), epochs=6)
    np.savez_compressed(given.out, **arrays_of(net))
    return 0


if __name__ == "__main__":
    sys.exit(main())
