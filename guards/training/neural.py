"""The candidates of `experiments.py` that need torch: fastText-like, and a character CNN."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from candidates import Sample
from numpy.typing import NDArray

from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.text import Text

torch: Any = import_module("torch")
nn: Any = torch.nn

SEED = 0
BATCH = 64
LONGEST = 160
DROPPED = 0.1
"""The share of characters that are hidden in training, so that no single one decides."""
MODERATE = 1
HEADS = 4 + len(Category)
"""Levels and categories are learnt together; only the second level, moderate, is measured."""
Units = tuple[list[int], list[int]]


class Units2Numbers:
    """The numbers of characters and of pairs of characters; 0 is padding, 1 is unknown."""

    def __init__(self, texts: Iterable[str]) -> None:
        characters: Counter[str] = Counter()
        pairs: Counter[str] = Counter()
        for text in texts:
            characters.update(text[:LONGEST])
            pairs.update(pairs_of(text[:LONGEST]))
        self.characters = _numbered(characters, least=2)
        self.pairs = _numbered(pairs, least=3)

    def read(self, text: str) -> Units:
        """The numbers of a text, at least one of each kind, padded to one length."""
        text = text[:LONGEST] or " "
        characters = [self.characters.get(character, 1) for character in text]
        return characters, [*(self.pairs.get(pair, 1) for pair in pairs_of(text)), 1]


class Torch:
    """What both networks share: how they read, learn and score."""

    name = ""
    epochs = 1
    rate = 1e-3

    def __init__(self) -> None:
        self._units = Units2Numbers(())
        self._net: Any = None

    def fit(self, data: Sample) -> None:
        """Learn on batches of texts of like length."""
        torch.manual_seed(SEED)
        torch.set_num_threads(2)
        chance = random.Random(SEED)  # noqa: S311
        self._units = Units2Numbers(data.plain)
        self._net = self._build()
        units = [self._units.read(plain) for plain in data.plain]
        truth, weight = torch.tensor(_truth(data)), torch.tensor(data.weight, dtype=torch.float32)
        loss = nn.BCEWithLogitsLoss(reduction="none")
        steps = torch.optim.AdamW(self._net.parameters(), lr=self.rate, weight_decay=1e-4)
        for _ in range(self.epochs):
            self._net.train()
            for places in _batches(units, chance):
                heard = self._net(*_padded([units[place] for place in places], DROPPED))
                wrong = loss(heard, truth[places]).sum(dim=1) * weight[places]
                steps.zero_grad()
                wrong.mean().backward()
                steps.step()
        self._net.eval()

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """The score of every row."""
        found: list[NDArray[np.float64]] = []
        with torch.no_grad():
            for start in range(0, len(data.plain), BATCH):
                units = [self._units.read(plain) for plain in data.plain[start : start + BATCH]]
                found.append(self._net(*_padded(units))[:, MODERATE].double().numpy())
        return np.concatenate(found)

    def _build(self) -> Any:
        raise NotImplementedError

    def _save_units(self, folder: Path) -> None:
        written = json.dumps([self._units.characters, self._units.pairs], ensure_ascii=False)
        (folder / "units.json").write_text(written, encoding="utf-8")


class FastText(Torch):
    """The mean of embeddings of characters and pairs, and a linear layer (Joulin et al. 2017)."""

    name = "7 fastText-like"
    epochs = 8
    rate = 3e-3

    def __init__(self) -> None:
        super().__init__()
        self._tables: list[NDArray[np.float32]] = []
        self._weights, self._bias = np.zeros(0, np.float32), 0.0

    def one(self, text: Text) -> float:
        """The score of a message, in numpy."""
        characters, pairs = self._units.read(text.plain)
        total = self._tables[0][characters].sum(axis=0) + self._tables[1][pairs].sum(axis=0)
        mean = total / (len(characters) + len(pairs))
        return float(mean @ self._weights) + self._bias

    def save(self, folder: Path) -> None:
        """Write the embeddings in sixteen bits."""
        self._save_units(folder)
        net = self._net
        self._tables = [table.weight.detach().numpy() for table in (net.characters, net.pairs)]
        self._weights = net.out.weight.detach().numpy()[MODERATE]
        self._bias = float(net.out.bias.detach()[MODERATE])
        half = [array.astype(np.float16) for array in (*self._tables, self._weights)]
        np.savez_compressed(folder / "weights.npz", *half)

    def _build(self) -> Any:
        return _Mean(len(self._units.characters) + 2, len(self._units.pairs) + 2)


class Convolutions(Torch):
    """A CNN over characters and pairs (Kim 2014), as ONNX where that is installed."""

    epochs = 8
    rate = 1e-3

    def __init__(self) -> None:
        super().__init__()
        self._session: Any = None
        self._has_onnx = all(map(find_spec, ("onnx", "onnxscript", "onnxruntime")))
        self.name = "8 character CNN" + ("" if self._has_onnx else " (timed in torch)")

    def one(self, text: Text) -> float:
        """The score of a message."""
        if self._session is None:
            with torch.no_grad():
                return float(self._net(*_padded([self._units.read(text.plain)]))[0, MODERATE])
        characters, pairs = self._units.read(text.plain)
        given = {"characters": np.array([characters]), "pairs": np.array([pairs])}
        return float(self._session.run(None, given)[0][0, MODERATE])

    def save(self, folder: Path) -> None:
        """Export the network; onnxruntime itself comes on top."""
        torch.set_num_threads(1)
        self._save_units(folder)
        if not self._has_onnx:
            torch.save(self._net.state_dict(), folder / "cnn.pt")
            return
        path, example = folder / "cnn.onnx", _padded([([2] * 30, [2] * 30)] * 2)
        lengths = {0: torch.export.Dim("messages"), 1: torch.export.Dim("length", max=LONGEST)}
        torch.onnx.export(
            self._net, example, path, dynamo=True, verbose=False, external_data=False,
            input_names=["characters", "pairs"], dynamic_shapes=(lengths, lengths),
        )  # fmt: skip
        runtime: Any = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(path.read_bytes(), options)

    def _build(self) -> Any:
        return _Windows(len(self._units.characters) + 2, len(self._units.pairs) + 2)


class _Mean(nn.Module):
    def __init__(self, characters: int, pairs: int, width: int = 64) -> None:
        nn.Module.__init__(self)
        self.characters = nn.Embedding(characters, width, padding_idx=0)
        self.pairs = nn.Embedding(pairs, width, padding_idx=0)
        self.out = nn.Linear(width, HEADS)

    def forward(self, characters: Any, pairs: Any) -> Any:
        total = self.characters(characters).sum(dim=1) + self.pairs(pairs).sum(dim=1)
        count = (characters > 0).sum(dim=1) + (pairs > 0).sum(dim=1)
        return self.out(total / count.unsqueeze(1))


class _Windows(nn.Module):
    """Windows of 1, 2, 3 and 5 characters; the greatest and the mean of each filter."""

    def __init__(self, characters: int, pairs: int, width: int = 64, filters: int = 128) -> None:
        nn.Module.__init__(self)
        self.characters = nn.Embedding(characters, width, padding_idx=0)
        self.pairs = nn.Embedding(pairs, width, padding_idx=0)
        self.windows = nn.ModuleList(nn.Conv1d(2 * width, filters, size) for size in (1, 2, 3, 5))
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(8 * filters, HEADS)

    def forward(self, characters: Any, pairs: Any) -> Any:
        read = torch.cat([self.characters(characters), self.pairs(pairs)], dim=2).transpose(1, 2)
        there = (characters > 0).unsqueeze(1).float()
        found: list[Any] = []
        for window in self.windows:
            reach = window.kernel_size[0] - 1
            heard = torch.relu(window(nn.functional.pad(read, (0, reach)))) * there
            found += [heard.amax(dim=2), heard.sum(dim=2) / there.sum(dim=2) ** 0.5]
        return self.out(self.drop(torch.cat(found, dim=1)))


def pairs_of(text: str) -> list[str]:
    """Every two characters that stand side by side."""
    return [text[place : place + 2] for place in range(len(text) - 1)]


def _numbered(counts: Counter[str], least: int) -> dict[str, int]:
    often = [unit for unit, count in counts.most_common(20_000) if count >= least]
    return {unit: number for number, unit in enumerate(often, 2)}


def _truth(data: Sample) -> NDArray[np.float32]:
    """What every head should say of every row, (rows, HEADS)."""
    return np.array(
        [
            [row.level >= level for level in list(RiskLevel)[1:]]
            + [row.category is c and row.level >= RiskLevel.MODERATE for c in Category]
            for row in data.rows
        ],
        np.float32,
    )


def _batches(units: Sequence[Units], chance: random.Random) -> list[list[int]]:
    """The places of texts of like length, in a new order every time."""
    order = sorted(range(len(units)), key=lambda i: len(units[i][0]) // 20 + 3 * chance.random())
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    chance.shuffle(batches)
    return batches


def _padded(units: Sequence[Units], dropped: float = 0.0) -> tuple[Any, Any]:
    """Both kinds of numbers as tensors (texts, length); a share of them made unknown."""
    length = max(len(characters) for characters, _ in units)
    tensors: list[Any] = []
    for kind in (0, 1):
        padded = [[*one[kind], *[0] * (length - len(one[kind]))] for one in units]
        tensor = torch.tensor(padded)
        hidden = (torch.rand(tensor.shape) < dropped) & (tensor > 0)
        tensors.append(tensor.masked_fill(hidden, 1))
    return tensors[0], tensors[1]
