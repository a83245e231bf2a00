"""The tagger's network in torch: what is trained, first on texts alone, then on labels.

The first task is to guess hidden tokens of many unmarked texts (a masked language model, Devlin
et al. 2019), so that words that are used alike come to lie together before any label is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tagger_rows import LABELS, Row

from qiaoban_guards.pii.tagger.tokens import BUCKETS

torch: Any = import_module("torch")
nn: Any = torch.nn

WIDTH, HIDDEN = 80, 128
GAPS = (1, 1, 2, 4)
HIDDEN_TOKENS = 0.15
_NEVER = -1e4


def new_net(dropped: float) -> Any:
    """An untrained network: embeddings, convolutions, and a layer for the labels."""
    widths = (WIDTH, *(HIDDEN for _ in GAPS))
    convolutions = [
        nn.Conv1d(before, after, 3, padding=gap, dilation=gap)
        for before, after, gap in zip(widths, widths[1:], GAPS, strict=False)
    ]
    net = nn.ModuleDict(
        {
            "embedding": nn.EmbeddingBag(BUCKETS, WIDTH, mode="sum", sparse=True),
            "convolutions": nn.ModuleList(convolutions),
            "out": nn.Linear(HIDDEN, len(LABELS)),
            "follows": nn.Linear(len(LABELS), len(LABELS), bias=False),
            "dropout": nn.Dropout(dropped),
        }
    )
    nn.init.normal_(net["embedding"].weight, 0, 0.05)
    nn.init.zeros_(net["follows"].weight)
    return net


def batch_of(rows: Sequence[Row], kept: Sequence[NDArray[np.bool_]]) -> tuple[Any, Any, Any]:
    """(indices, offsets) for the embedding bag, labels, mask; both (rows, longest row)."""
    longest = max(map(len, rows))
    counts = np.zeros((len(rows), longest), np.int64)
    labels = np.zeros((len(rows), longest), np.int64)
    mask = np.zeros((len(rows), longest), np.float32)
    for number, (row, keep) in enumerate(zip(rows, kept, strict=True)):
        counts[number, : len(row)] = np.bincount(row.token[keep], minlength=len(row))
        labels[number, : len(row)] = row.label
        mask[number, : len(row)] = 1
    indices = np.concatenate([row.feature[keep] for row, keep in zip(rows, kept, strict=True)])
    offsets = np.concatenate(([0], np.cumsum(counts.ravel())[:-1]))
    bag = (torch.from_numpy(indices), torch.from_numpy(offsets))
    return bag, torch.from_numpy(labels), torch.from_numpy(mask)


def hidden_of(net: Any, bag: tuple[Any, Any], mask: Any) -> Any:
    """(rows, tokens, HIDDEN): what the last convolution makes of each token."""
    embedded = net["embedding"](*bag).view(*mask.shape, WIDTH) * mask[..., None]
    hidden = net["dropout"](embedded).transpose(1, 2)
    for number, convolution in enumerate(net["convolutions"]):
        hidden = hidden * mask[:, None]
        seen = torch.relu(convolution(hidden if number == 0 else net["dropout"](hidden)))
        hidden = seen if number == 0 else hidden + seen
    return hidden.transpose(1, 2)


def scores_of(net: Any, bag: tuple[Any, Any], mask: Any) -> Any:
    """(rows, tokens, labels): how much speaks for each label."""
    return net["out"](net["dropout"](hidden_of(net, bag, mask)))


def follows_of(net: Any) -> Any:
    """(labels, labels): how much speaks for the second label behind the first."""
    return net["follows"].weight.T


def loss_of(scores: Any, follows: Any, labels: Any, mask: Any) -> Any:
    """Minus the log probability of the right labels under the CRF, mean over rows."""
    right = scores[:, 0].gather(1, labels[:, :1])[:, 0]
    every = scores[:, 0]
    for place in range(1, scores.shape[1]):
        there, now = mask[:, place], labels[:, place]
        own = scores[:, place].gather(1, now[:, None])[:, 0]
        right = right + there * (own + follows[labels[:, place - 1], now])
        further = torch.logsumexp(every[:, :, None] + follows, 1) + scores[:, place]
        every = torch.where(there[:, None] > 0, further, every)
    return (torch.logsumexp(every, 1) - right).mean()


def hiding(row: Row, chance: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tokens are hidden, and which features are kept: none that shows a hidden token."""
    hidden = np.zeros(len(row) + 2, np.bool_)
    hidden[1:-1] = chance.random(len(row)) < HIDDEN_TOKENS
    at = row.token + 1
    shown = ~hidden[at]
    shown &= ~((row.column == 1) & hidden[at - 1]) & ~((row.column == 2) & hidden[at + 1])
    return hidden[1:-1], shown


def arrays_of(net: Any) -> dict[str, NDArray[Any]]:
    """What `qiaoban_guards.pii.tagger.network.Network` reads."""
    embedding = net["embedding"].weight.detach().numpy()
    scale = np.abs(embedding).max(0) / 127
    follows = follows_of(net).detach().numpy().copy()
    for first, before in enumerate(LABELS):
        for second, label in enumerate(LABELS):
            if label.startswith("I-") and before[2:] != label[2:]:
                follows[first, second] = _NEVER
    arrays = {
        "embedding": np.rint(embedding / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "gaps": np.asarray(GAPS),
        "out": net["out"].weight.detach().numpy().T.astype(np.float16),
        "out_bias": net["out"].bias.detach().numpy().astype(np.float32),
        "follows": follows.astype(np.float32),
        "labels": np.asarray(LABELS),
    }
    for number, convolution in enumerate(net["convolutions"]):
        weight = convolution.weight.detach().numpy()  # (out, in, width)
        arrays[f"weight{number}"] = (
            weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]).astype(np.float16)
        )
        arrays[f"bias{number}"] = convolution.bias.detach().numpy().astype(np.float32)
    return arrays
