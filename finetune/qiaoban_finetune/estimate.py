"""What a run takes, by arithmetic alone: parameters, steps, memory of one GPU, hours.

Nothing is loaded and no GPU is asked. Every formula names its source; `docs/training-at-scale.md`
is made with it, and `qiaoban train CONFIG --check` tells it of one's own data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.hardware import Hardware
from qiaoban_finetune.memory import GIB, Memory, memory, trainable
from qiaoban_finetune.shape import ModelShape
from qiaoban_finetune.sharding import Sharding

PCIE = 25e9
"""Bytes a second that 16 lanes of PCIe 4 reach, of 32e9."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The data as it is computed.

    `sequences` go into one epoch, `tokens` are theirs with padding, `longest` the most tokens of a
    micro-batch. `attended` is the mean length of what a token stands in: Σl² / Σl.
    """

    sequences: int
    tokens: int
    longest: int
    attended: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run takes on the hardware it was asked for."""

    parameters: int
    trainable: int
    steps: int
    tokens: int
    memory: Memory
    compute_hours: float
    network_hours: float
    hardware: Hardware

    @property
    def hours(self) -> float:
        """Computing and sending after each other; where they overlap it is less."""
        return self.compute_hours + self.network_hours

    @property
    def fits(self) -> bool:
        """Whether one GPU holds it, with a tenth left for fragments."""
        return self.memory.total <= 0.9 * self.hardware.gpu.memory * GIB


def estimate(
    config: TrainingConfig,
    shape: ModelShape,
    workload: Workload,
    hardware: Hardware,
    sharding: Sharding | None = None,
) -> Estimate:
    """What `config` takes with a model of `shape` on `workload`, on `hardware`.

    Raises ConfigError where the batch does not divide among the GPUs.
    """
    sharding = sharding or Sharding()
    accumulation = config.optimiser.accumulation(hardware.ranks)
    per_epoch = math.ceil(workload.sequences / config.optimiser.global_batch)
    steps = config.optimiser.max_steps or math.ceil(per_epoch * config.optimiser.epochs)
    tokens = round(workload.tokens * steps / max(per_epoch, 1))
    trained = trainable(shape, config.method)
    half = config.model.precision != "fp32"
    peak = hardware.gpu.half if half else hardware.gpu.single
    seconds = (
        flops(config, shape, workload.attended)
        * tokens
        / (hardware.ranks * peak * 1e12 * hardware.utilisation)
    )
    sent = _sent(shape, trained, sharding, hardware, accumulation, half=half)
    sent += _offloaded(shape, trained, sharding, hardware, accumulation, half=half)
    return Estimate(
        shape.parameters + (0 if config.method.kind == "full" else trained),
        trained,
        steps,
        tokens,
        memory(config, shape, workload.longest, hardware, sharding),
        seconds / 3600,
        sent * steps / 3600,
        hardware,
    )


def flops(config: TrainingConfig, shape: ModelShape, attended: float) -> float:
    """Floating-point operations of one token, forward and backward.

    A weight costs 2 forward and 4 backward, together the 6·N of Kaplan et al. 2020 (2001.08361);
    2 of the 4 are its own gradient, which a frozen one has not. Attention over s tokens costs
    12·s·heads·head size a layer (Chowdhery et al. 2022, 2204.02311, appendix B), half of it where
    what is later is not computed. Gradient checkpointing computes forward twice; learning
    from pairs computes it once more, with the model it began from.
    """
    weights = shape.in_linears + shape.vocabulary * shape.width
    attention = 2 * attended * shape.heads * shape.head_size * shape.layers
    forward = 2 * weights + attention
    backward = (4 if config.method.kind == "full" else 2) * weights + 2 * attention
    reference = forward if config.preference is not None else 0
    return forward * (2 if config.model.gradient_checkpointing else 1) + backward + reference


def _sent(
    shape: ModelShape,
    trained: int,
    sharding: Sharding,
    hardware: Hardware,
    accumulation: int,
    *,
    half: bool,
) -> float:
    """Seconds of sending in one step.

    Data parallelism and ZeRO-1 send every gradient and get it back, 2·Ψ a step; ZeRO-2 sums them
    after each micro-batch and gathers weights once; ZeRO-3 gathers weights for both passes of
    each micro-batch and sums gradients: 3·Ψ (Rajbhandari et al. 2020, section 7). With a copy on
    each machine the second gathering stays within it.
    """
    ranks = hardware.ranks
    if ranks == 1:
        return 0.0
    b = 2 if half and sharding.stage else 4
    share = b * (ranks - 1) / ranks / 1e9
    slow, near = hardware.slowest_link, hardware.gpu.link
    if sharding.stage < 2:
        return 2 * trained * share / slow
    if sharding.stage == 2:
        return (accumulation + 1) * trained * share / slow
    gathered = shape.parameters
    again = gathered / (near if sharding.within_node else slow)
    return accumulation * share * ((gathered + trained) / slow + again)


def _offloaded(
    shape: ModelShape,
    trained: int,
    sharding: Sharding,
    hardware: Hardware,
    accumulation: int,
    *,
    half: bool,
) -> float:
    """Seconds of one step between a GPU and its machine's memory.

    Gradients go down after each micro-batch and new weights come up once (Ren et al. 2021,
    ZeRO-Offload, 2101.06840, section 3); offloaded weights come up for both passes of each. The
    optimiser's own time on the CPU is not in it.
    """
    b = 2 if half else 4
    moved = 0.0
    if sharding.offload:
        moved += (accumulation + 1) * trained
    if sharding.offload_weights:
        moved += accumulation * 2 * shape.parameters
    return b * moved / hardware.ranks / PCIE
