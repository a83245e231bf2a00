"""The tables of docs/training-at-scale.md and docs/finetuning.md, from what the package is.

    python finetune/doc_tables.py

writes them between `<!-- table NAME -->` and `<!-- end -->` of both pages: memory and hours by the
estimator of `qiaoban train --check`, the keys of a configuration by their descriptions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.estimate import Estimate, Workload, estimate
from qiaoban_finetune.hardware import Hardware
from qiaoban_finetune.legacy import read_deepspeed
from qiaoban_finetune.memory import GIB
from qiaoban_finetune.sections import Section
from qiaoban_finetune.shape import ModelShape
from qiaoban_finetune.sharding import Sharding
from qiaoban_finetune.shipped import configs_folder

SHAPES = {
    "7B": ModelShape("baichuan", 32, 4096, 32, 32, 128, 11008, 64000),
    "13B": ModelShape("llama", 40, 5120, 40, 40, 128, 13824, 32000),
}
"""Baichuan-7B, which QiaoBan begins from, and Llama-2-13B."""
TOKENS = 10_000_000
LENGTH = 1024
ATTENDED = 600.0
"""Tokens of an epoch, of a sequence, and of the dialogue that a token stands in."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One row: a method on some hardware."""

    size: str
    method: str
    gpus: int
    nodes: int = 1
    gpu: str = "a100-80g"
    deepspeed: str = ""
    micro: int = 1

    @property
    def estimate(self) -> Estimate:
        """What it takes; gradient checkpointing on, two epochs."""
        config = parse_config(
            {
                "model": {"base": self.size, "gradient_checkpointing": self.method != "prefix"},
                "data": {
                    "train": [{"path": "data"}],
                    "max_tokens": LENGTH,
                    "packing": self.method != "prefix",
                },
                "method": {"kind": self.method},
                "optimiser": {
                    "learning_rate": 1e-5,
                    "epochs": 2,
                    "global_batch": 64,
                    "micro_batch": self.micro,
                },
                "output": "runs",
            },
            origins=[("docs/training-at-scale.md", "")],
        )
        shape = SHAPES[self.size]
        settings: dict[str, Any] | None = None
        if self.deepspeed:
            settings = read_deepspeed(configs_folder() / "deepspeed" / f"{self.deepspeed}.json")
        hardware = Hardware(self.gpu, self.gpus, self.nodes)
        workload = Workload(-(-TOKENS // LENGTH), TOKENS, self.micro * LENGTH, ATTENDED)
        return estimate(config, shape, workload, hardware, Sharding.of(settings, shape.width))


_SMALL = "rtx-4090-24g"
TABLES: dict[str, tuple[Setup, ...]] = {
    "24": tuple(
        Setup(size, method, 1, gpu=_SMALL, deepspeed=deepspeed)
        for size in SHAPES
        for method, deepspeed in (
            ("qlora", ""),
            ("lora", ""),
            ("prefix", ""),
            ("full", "zero2-1gpu-offload"),
            ("full", "zero3-1gpu-offload"),
        )
    ),
    "4x80": tuple(
        Setup(size, method, 4, deepspeed=deepspeed, micro=micro)
        for size in SHAPES
        for method, deepspeed, micro in (
            ("lora", "", 4),
            ("full", "zero2-4gpus", 2),
            ("full", "zero3-4gpus", 2),
        )
    ),
    "2x8x80": tuple(
        Setup(size, method, 8, 2, deepspeed=deepspeed, micro=4)
        for size in SHAPES
        for method, deepspeed in (
            ("lora", ""),
            ("full", "zero2-2x8gpus"),
            ("full", "zero3-8gpus"),
            ("full", "zero3-2x8gpus"),
        )
    ),
}
HEAD = (
    "| model | method | DeepSpeed | micro-batch | weights | gradients | optimiser | activations "
    "| step | buffers | together | host | hours |\n"
    "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def table(setups: Sequence[Setup]) -> str:
    """A Markdown table, GiB of one GPU at the peak and hours of the run."""
    return "\n".join([HEAD, *map(_row, setups)])


def _row(setup: Setup) -> str:
    told = setup.estimate
    memory = told.memory
    sizes = (
        memory.weights,
        memory.gradients,
        memory.optimiser,
        memory.activations,
        memory.step,
        memory.buffers,
    )
    total = f"{memory.total / GIB:.1f}"
    fits = told.fits
    cells = [
        setup.size,
        setup.method,
        f"`{setup.deepspeed}`" if setup.deepspeed else "–",
        str(setup.micro),
        *(f"{size / GIB:.1f}" for size in sizes),
        f"**{total}**" if fits else f"{total} ✗",
        f"{memory.host / GIB:.0f}" if memory.host else "–",
        f"{told.hours:.1f}" if fits else "–",
    ]
    return f"| {' | '.join(cells)} |"


def keys() -> str:
    """A Markdown table of every key of a configuration, its default and its meaning."""
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *_keys(TrainingConfig, "")])


def _keys(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = [one for one in _models(field.annotation) if issubclass(one, Section)]
        if not inner:
            yield f"| `{path}{name}` | {_default(field)} | {field.description} |"
        for one in inner:
            kind = one.model_fields["kind"].default if "kind" in one.model_fields else ""
            place = ".0" if name in {"train", "validation"} else ""
            told = f" ({kind})" if kind else ""
            if name == "validation":
                yield f"| `{path}{name}` | {_default(field)} | {field.description} |"
                continue
            yield f"| **`{path}{name}`**{told} | | {(one.__doc__ or '').splitlines()[0]} |"
            yield from _keys(one, f"{path}{name}{place}.")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    text = "–" if value in (None, ()) else json.dumps(value)
    return f"`{text}`" if text != "–" else text


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in get_args(annotation) for model in _models(argument)]


def filled(page: str) -> str:
    """The page with what stands between `<!-- table NAME -->` and `<!-- end -->` made anew."""

    def made(found: re.Match[str]) -> str:
        rows = keys() if found[2] == "keys" else table(TABLES[found[2]])
        return f"{found[1]}\n{rows}\n{found[3]}"

    return re.sub(r"(<!-- table (\S+) -->).*?(<!-- end -->)", made, page, flags=re.DOTALL)


def main() -> None:
    """Write the tables into the pages."""
    for name in ("training-at-scale.md", "finetuning.md"):
        path = Path(__file__).parents[1] / "docs" / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
