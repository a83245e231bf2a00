"""Bytes that the backward pass finds kept of one token, counted tensor by tensor.

Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1) count 34·h + 5·a·s bytes a token and layer
of a GPT in half precision. The same count for a gated decoder with RMS norms as transformers
computes it, with an attention that keeps no matrix of scores (SDPA, flash, per document), gives
what stands here; a test holds it against the tensors that autograd really keeps.
"""

from __future__ import annotations

from qiaoban_finetune.config import MethodConfig, TrainingConfig
from qiaoban_finetune.shape import ModelShape

HEAD = 12
"""Bytes of a token and vocabulary entry at the peak: the logits, their logarithms in fp32, and
the gradient of either."""


def per_token(shape: ModelShape, config: TrainingConfig, *, half: bool, autocast: bool) -> float:
    """Bytes of one token at the peak of the backward pass, over all layers and the head.

    `half` is bf16 or fp16; `autocast` that trained weights are fp32 below it, and so is the
    residual stream of a full training. With gradient checkpointing a layer keeps its input alone,
    and one layer at a time is whole.
    """
    layer = per_layer(shape, config.method, half=half, autocast=autocast)
    if config.model.attention == "eager":
        layer += scores(shape, config.data.max_tokens, half=half)
    residual = 2 if half and not (autocast and config.method.kind == "full") else 4
    stack = shape.layers * layer
    if config.model.gradient_checkpointing:
        stack = shape.layers * residual * shape.width + layer
    return stack + 2 * residual * shape.width + HEAD * shape.vocabulary


def per_layer(
    shape: ModelShape, method: MethodConfig, *, half: bool, autocast: bool = False
) -> float:
    """Bytes of one token in one layer, without gradient checkpointing.

    With numbers of b bytes each of two norms keeps its input in fp32, the normalised and the
    scaled (4 + 2b), attention q, k, v and its result, the block gate, its SiLU, up and their
    product (4b). Full training with autocast has its residual stream in fp32. A frozen matrix
    needs no input, so a prefix keeps less; adapters do, and where it is dropped out its copy and
    a mask.
    """
    b = 2 if half else 4
    keys = 2 * b * shape.kv_heads * shape.head_size
    block = 4 * b * shape.inner + keys
    if method.kind == "full":
        return (30 if half and autocast else 8 + 6 * b) * shape.width + block
    if method.kind == "prefix":
        return 8 * b * shape.width + block - b * shape.inner
    middle = b * method.rank * len(shape.linears)
    dropped = 2 * b * sum(wide for wide, _ in shape.linears) if method.dropout else 0
    return (24 if half else 32) * shape.width + block + middle + dropped


def scores(shape: ModelShape, sequence: int, *, half: bool) -> float:
    """Bytes of one token and layer in a matrix of scores: their softmax in fp32, and in half."""
    return shape.heads * sequence * (6 if half else 4)
