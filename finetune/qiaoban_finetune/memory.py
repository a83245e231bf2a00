"""Bytes that a run takes of one GPU at its peak, part by part."""

from __future__ import annotations

from dataclasses import dataclass

from qiaoban_finetune.activations import per_token
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.hardware import Hardware
from qiaoban_finetune.sections import LoraMethod, MethodConfig, QloraMethod
from qiaoban_finetune.shape import Linear, ModelShape
from qiaoban_finetune.sharding import Sharding

GIB = 2**30
CONTEXT = 1 * GIB
"""CUDA's context and the workspaces of its libraries, about."""
_NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight: 4 bits, an 8-bit constant for 64 of them, and an fp32 one for 256 of those
(Dettmers et al. 2023, section 3)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one GPU, and of one machine's own memory where parts are kept there.

    `step` is what a step of the optimiser needs when no activations are there any more.
    """

    weights: float
    gradients: float
    optimiser: float
    activations: float
    buffers: float
    step: float = 0.0
    host: float = 0.0
    context: float = CONTEXT

    @property
    def total(self) -> float:
        """All that a GPU holds at the peak."""
        kept = self.weights + self.gradients + self.optimiser + self.buffers + self.context
        return kept + max(self.activations, self.step)


def trainable(shape: ModelShape, method: MethodConfig) -> int:
    """Parameters that are trained.

    LoRA adds r·(in + out) beside each matrix of a layer (Hu et al. 2021, section 4.2), a prefix
    2·kv heads·head size for each virtual token and layer (Liu et al. 2021, P-Tuning v2); its
    projection is PEFT's, an embedding and two layers as wide as the model.
    """
    match method.kind:
        case "full":
            return shape.parameters
        case "prefix":
            keys = shape.kv_heads * shape.head_size
            stored = 2 * shape.layers * keys
            if not method.projection:
                return method.length * stored
            wide = shape.width
            return method.length * keys + keys * wide + wide + (wide + 1) * stored
        case _:
            return shape.layers * method.rank * sum(sum(pair) for pair in _adapted(shape, method))


def _adapted(shape: ModelShape, method: LoraMethod | QloraMethod) -> list[Linear]:
    if method.targets == "auto":
        return list(shape.linears)
    gates = ("gate_up_proj",) if shape.fused else ("gate_proj", "up_proj")
    names = ("q_proj", "k_proj", "v_proj", "o_proj", *gates, "down_proj")
    return [pair for name, pair in zip(names, shape.linears, strict=True) if name in method.targets]


def memory(
    config: TrainingConfig,
    shape: ModelShape,
    longest: int,
    hardware: Hardware,
    sharding: Sharding,
) -> Memory:
    """Bytes of one GPU at the peak, part by part.

    With DeepSpeed in half precision a trained weight takes 2 + 2 + 12 bytes: itself, its gradient,
    and in fp32 its copy and Adam's two moments (Rajbhandari et al. 2020, 1910.02054, section 3.1);
    without it autocast keeps 4 + 4 + 8 and a half copy while it computes. ZeRO divides the parts
    among GPUs by stage (section 5). For a step DeepSpeed has its part of the gradients in fp32,
    where the optimiser is: on the GPU, or offloaded.
    """
    half = config.model.precision != "fp32"
    full = config.method.kind == "full"
    mixed = half and sharding.stage > 0
    trained, ranks = trainable(shape, config.method), hardware.ranks
    weights = float(2 if mixed else 4) * trained
    if full and half and not mixed:
        weights += 2 * trained  # autocast's half copies
    if full and config.preference is not None:
        weights += (2 if half else 4) * trained  # what it began from
    if not full:
        weights += _frozen(shape, config.method, half=half)
    gradients = float(2 if mixed else 4) * trained
    buffers = _buffers(shape, trained, sharding, ranks, gradients, half=half)
    weights /= ranks if sharding.stage >= 3 else 1
    gradients /= ranks if sharding.stage >= 2 else 1
    optimiser = float(12 if mixed else 8) * trained / (ranks if sharding.stage else 1)
    step = 4 * trained / ranks if mixed else 0.0
    host = 0.0
    if sharding.offload:
        host += (optimiser + step) * hardware.gpus
        optimiser = gradients = step = 0.0
    if sharding.offload_weights:
        host += weights * hardware.gpus
        weights = 0.0
    if sharding.within_node:
        weights += (2 if half else 4) * shape.parameters / hardware.gpus
    token = per_token(shape, config, half=half, autocast=half and not mixed)
    return Memory(weights, gradients, optimiser, token * longest, buffers, step, host)


def _frozen(shape: ModelShape, method: MethodConfig, *, half: bool) -> float:
    """Bytes of the weights beside which something else is trained."""
    plain = 2.0 if half else 4.0
    if method.kind != "qlora":
        return plain * shape.parameters
    quantised = _NF4 if method.bits == 4 else 1.0
    return quantised * shape.in_linears + plain * (shape.parameters - shape.in_linears)


def _buffers(
    shape: ModelShape,
    trained: int,
    sharding: Sharding,
    ranks: int,
    gradients: float,
    *,
    half: bool,
) -> float:
    """Bytes that wait to be sent or have come.

    torch's data parallelism copies gradients into buckets. DeepSpeed's buckets take 2 bytes a
    number, 4.5 times that where sending overlaps with computing (transformers' guide to
    DeepSpeed); stage 3 holds at most `live` gathered weights besides.
    """
    b = 2 if half else 4
    if sharding.stage == 0:
        return gradients if ranks > 1 else 0.0
    spread = 4.5 if sharding.overlap else 1.0
    reduced = b * spread * min(sharding.reduce_bucket, trained)
    if sharding.stage < 3:
        return reduced + b * spread * min(sharding.allgather_bucket, trained)
    return reduced + b * min(sharding.live, shape.parameters)
