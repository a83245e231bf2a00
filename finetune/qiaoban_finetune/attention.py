"""Attention within each document of a packed row, for any model of transformers.

transformers separates packed documents by a dense mask over the whole row, which is slower than
padding; and only where there is no attention_mask and no cache, else it mixes them silently. Here
each document is attended to alone, by its bounds (`cu_seq_lens_q`, as `collate.Packed` gives them):
with flash-attn's varlen kernel, or torch's own, on CUDA in half precision; else document by
document through torch's scaled dot product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from itertools import pairwise
from typing import Any

from qiaoban_finetune.errors import ConfigError, TrainingError

NAME = "document"
"""What this attention is called in transformers: `attn_implementation="document"`."""


@dataclass(frozen=True, slots=True)
class _Row:
    """How a packed row is attended to."""

    begins: Any
    longest: int
    dropout: float
    scaling: float | None
    window: int
    """How many tokens back a token sees, itself among them; 0 is all."""


def use_document_attention(model: Any) -> None:
    """Make a model, also one that PEFT wraps, attend within documents.

    Batches without `cu_seq_lens_q` are attended to as with SDPA. Raises ConfigError for a model
    that does not choose its attention by name.
    """
    register()
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    base.set_attn_implementation(NAME)
    if base.config._attn_implementation != NAME:
        raise ConfigError(
            f"model.attention: {type(base).__name__} cannot change its attention; set "
            "data.packing: false"
        )


@cache
def register() -> None:
    """Tell transformers of this attention, for `attn_implementation` of from_pretrained."""
    transformers: Any = import_module("transformers")
    transformers.AttentionInterface.register(NAME, document_attention)
    transformers.AttentionMaskInterface.register(NAME, _mask)


def document_attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    cu_seq_lens_q: Any = None,
    max_length_q: int | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[Any, None]:
    """Attend causally within each document; the form that transformers' AttentionInterface wants.

    query [1, heads, tokens, size], key and value with as many heads or fewer; gives
    [1, tokens, heads, size]. Raises TrainingError where documents would be mixed.
    """
    if cu_seq_lens_q is None:
        _refuse_unmarked(attention_mask, more.get("position_ids"))
        dense: Any = import_module("transformers.integrations.sdpa_attention")
        result: tuple[Any, None] = dense.sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return result
    _refuse_misfits(query, key, attention_mask, more)
    longest = max_length_q or int(cu_seq_lens_q.diff().max())
    row = _Row(cu_seq_lens_q, longest, dropout, scaling, sliding_window or 0)
    kernel = _kernel(query, dropout)
    if kernel is None:
        return _one_by_one(query, key, value, row), None
    flat = [states[0].transpose(0, 1) for states in (query, key, value)]
    return kernel(*flat, row)[None], None


def _one_by_one(query: Any, key: Any, value: Any, row: _Row) -> Any:
    torch: Any = import_module("torch")
    bounds: list[int] = row.begins.tolist()
    attended: list[Any] = []
    for begin, end in pairwise(bounds):
        band = _band(end - begin, row.window, query.device)
        attended.append(
            torch.nn.functional.scaled_dot_product_attention(
                query[:, :, begin:end],
                key[:, :, begin:end],
                value[:, :, begin:end],
                attn_mask=band,
                is_causal=band is None,
                dropout_p=row.dropout,
                scale=row.scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
        )
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous()


def _band(length: int, window: int, device: Any) -> Any:
    """The mask of a document longer than the window of a layer; others need none."""
    if not 0 < window < length:
        return None
    torch: Any = import_module("torch")
    places = torch.arange(length, device=device)
    back = places[:, None] - places[None, :]
    return (back >= 0) & (back < window)


def _kernel(query: Any, dropout: float) -> Callable[..., Any] | None:
    """A kernel over documents of any length, if this machine has one for these numbers."""
    torch: Any = import_module("torch")
    if query.device.type != "cuda" or query.dtype not in (torch.float16, torch.bfloat16):
        return None
    if find_spec("flash_attn") is not None:
        return _flash_attn
    # torch's has no dropout, and needs a chip that flash attention runs on
    capable = torch.cuda.get_device_capability(query.device) >= (8, 0)
    return _torch_varlen if capable and not dropout and _has_varlen() else None


@cache
def _has_varlen() -> bool:
    """Whether torch has the kernel in the form it got with 2.13, with windows and shared keys."""
    if find_spec("torch.nn.attention.varlen") is None:
        return False
    varlen: Any = import_module("torch.nn.attention.varlen")
    return {"window_size", "enable_gqa"} <= set(signature(varlen.varlen_attn).parameters)


def _flash_attn(query: Any, key: Any, value: Any, row: _Row) -> Any:
    flash: Any = import_module("flash_attn")
    return flash.flash_attn_varlen_func(
        query,
        key,
        value,
        row.begins,
        row.begins,
        row.longest,
        row.longest,
        dropout_p=row.dropout,
        softmax_scale=row.scaling,
        causal=True,
        window_size=(row.window - 1, 0),
    )


def _torch_varlen(query: Any, key: Any, value: Any, row: _Row) -> Any:
    varlen: Any = import_module("torch.nn.attention.varlen")
    return varlen.varlen_attn(
        query,
        key,
        value,
        row.begins,
        row.begins,
        row.longest,
        row.longest,
        scale=row.scaling,
        window_size=(row.window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _mask(**asked: Any) -> Any:
    """No mask for packed rows, whose bounds do its work; else that of SDPA."""
    packed = (
        asked.get("attention_mask") is None
        and not asked.get("allow_is_causal_skip", True)
        and not asked.get("use_vmap", False)
        and asked["q_length"] == asked["kv_length"] > 1
    )
    masking: Any = import_module("transformers.masking_utils")
    return None if packed else masking.sdpa_mask(**asked)


def _refuse_unmarked(attention_mask: Any, position_ids: Any) -> None:
    if attention_mask is not None or position_ids is None:
        return
    masking: Any = import_module("transformers.masking_utils")
    if masking.find_packed_sequence_indices(position_ids) is not None:
        raise TrainingError(
            "a packed row came without cu_seq_lens_q, so its documents would attend to each other; "
            "make the batch with collate.Packed"
        )


def _refuse_misfits(query: Any, key: Any, attention_mask: Any, more: dict[str, Any]) -> None:
    if query.shape[0] != 1 or query.shape[2] != key.shape[2]:
        raise TrainingError(
            f"packed documents are one row without a cache or a prefix before it, and there are "
            f"{query.shape[0]} rows, {query.shape[2]} queries and {key.shape[2]} keys; set "
            "data.packing: false"
        )
    if attention_mask is not None:
        raise TrainingError(
            "a packed row came with an attention_mask, which transformers takes for one text; "
            "leave it out, as collate.Packed does"
        )
    if more.get("softcap") is not None or more.get("s_aux") is not None:
        raise TrainingError(
            "this model's attention has a soft cap or sinks, which attention per document does "
            "not know; set data.packing: false"
        )
