"""What a DeepSpeed JSON says of who keeps what: the part of it that memory depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from qiaoban_finetune.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Sharding:
    """ZeRO's stage (Rajbhandari et al. 2020, arXiv 1910.02054) and sizes in numbers, not bytes.

    `stage` 1 shares the optimiser's state among GPUs, 2 gradients as well, 3 weights as well.
    `offload` keeps the optimiser's state in the machine's memory, `offload_weights` weights too.
    `within_node` keeps a second copy of the weights on every machine (ZeRO++, arXiv 2306.10209).
    """

    stage: int = 0
    offload: bool = False
    offload_weights: bool = False
    overlap: bool = False
    allgather_bucket: float = 5e8
    reduce_bucket: float = 5e8
    live: float = 1e9
    within_node: bool = False

    @classmethod
    def of(cls, deepspeed: Mapping[str, Any] | None, width: int) -> Sharding:
        """Read from a DeepSpeed JSON; "auto" sizes are what transformers puts there.

        `width` is the model's, which those are computed from. None is plain data parallelism.
        """
        if deepspeed is None:
            return cls()
        zero: dict[str, Any] = deepspeed.get("zero_optimization") or {}
        stage = zero.get("stage", 0)
        if stage not in (0, 1, 2, 3):
            raise ConfigError(f"deepspeed: zero_optimization.stage is {stage!r}, none of 0 to 3")
        auto = width * width
        return cls(
            stage,
            offload=_on_cpu(zero.get("offload_optimizer")),
            offload_weights=_on_cpu(zero.get("offload_param")),
            overlap=bool(zero.get("overlap_comm", stage == 3)),
            allgather_bucket=_size(zero.get("allgather_bucket_size", 5e8), auto),
            reduce_bucket=_size(zero.get("reduce_bucket_size", 5e8), auto),
            live=_size(zero.get("stage3_max_live_parameters", 1e9), 1e9),
            within_node=int(zero.get("zero_hpz_partition_size", 1)) > 1,
        )


def _on_cpu(block: object) -> bool:
    return isinstance(block, Mapping) and (
        cast("Mapping[str, Any]", block).get("device", "none") in ("cpu", "nvme")
    )


def _size(value: Any, auto: float) -> float:
    return auto if value == "auto" else float(value)
