"""A trained prefix of a ChatGLM2 as PICA's own scripts read it, and as PEFT does.

`qiaoban_agent.checkpoints.prefix` makes an adapter of PICA's `pytorch_model.bin`; here is the way
back. The two layouts hold the same numbers except that PEFT's keys are rotated by the length of the
prefix (see there), so values and the half of the channels that rotation leaves alone are equal
bit for bit. Rotated numbers are rounded to float32 in each direction: turned back they are within
one rounding of the original, and equal to it bit for bit where the original is known.

Source: PrefixEncoder in modeling_chatglm.py of THUDM/chatglm2-6b; `ptuning/trainer.py` and PICA's
`infer.py` for the names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiaoban_agent.checkpoints.prefix import rotated
from qiaoban_finetune.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

EMBEDDING = "transformer.prefix_encoder.embedding.weight"
ADAPTER_TENSOR = "prompt_embeddings"
_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the rows of a prefix are made of."""

    tokens: int
    layers: int
    groups: int
    """Key/value heads of a layer."""
    channels: int
    """Of one head."""

    @property
    def width(self) -> int:
        """Numbers of one virtual token: a key and a value of every layer."""
        return self.layers * 2 * self.groups * self.channels


@dataclass(frozen=True, slots=True)
class Restored:
    """A prefix in the original's layout."""

    values: Tensor
    """float32 [tokens, layers * 2 * groups * channels], keys not rotated."""
    original: int
    """Numbers of rotated pairs that are the known original's, bit for bit."""
    rounded: int
    """Numbers of rotated pairs that were turned back, each within one rounding of float32."""


def from_ptuning(values: Tensor, sizes: Sizes) -> Tensor:
    """What PEFT keeps of a prefix that the original keeps as `values`; the same shape, float32."""
    pairs = _pairs(values, sizes).clone()
    pairs[:, :, 0] = rotated(pairs[:, :, 0], sizes.tokens)
    return pairs.reshape(sizes.tokens, -1).contiguous()


def to_ptuning(kept: Tensor, sizes: Sizes, original: Tensor | None = None) -> Restored:
    """What the original keeps of a prefix that PEFT keeps as `kept`.

    `original` is what the adapter was converted from or trained on from, as the original keeps it
    (`qiaoban_agent.checkpoints.prefix.read_prefix`): where a pair of `kept` is that of the
    original, still rotated as the conversion rotates it, the original's numbers are taken.
    """
    torch: Any = import_module("torch")
    kept = kept.float()
    pairs = _pairs(kept, sizes).clone()
    pairs[:, :, 0] = rotated(pairs[:, :, 0], -sizes.tokens)
    keys = torch.zeros_like(pairs, dtype=torch.bool)
    keys[:, :, 0, :, : sizes.channels // 2] = True
    same = torch.zeros_like(keys)
    if original is not None:
        if tuple(original.shape) != (sizes.tokens, sizes.width):
            raise TrainingError(
                f"the original prefix is {list(original.shape)} and the trained one "
                f"{[sizes.tokens, sizes.width]}; give the one that training began from"
            )
        again = _pairs(from_ptuning(original, sizes), sizes)
        equal = again == _pairs(kept, sizes)
        both = equal[..., 0::2] & equal[..., 1::2]  # a rotation turns two neighbours together
        same = both.repeat_interleave(2, dim=-1) & keys
        pairs = torch.where(same, _pairs(original, sizes), pairs)
    return Restored(
        pairs.reshape(sizes.tokens, -1).contiguous(),
        original=int(same.sum()),
        rounded=int((keys & ~same).sum()),
    )


def read_adapter(folder: Path) -> tuple[Tensor, Sizes]:
    """The tensor and the sizes of a prefix-tuning adapter of PEFT.

    Raises TrainingError for a folder that holds something else.
    """
    safetensors: Any = import_module("safetensors.torch")
    try:
        told = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        tensors = safetensors.load_file(str(folder / _WEIGHTS))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder} is no adapter of PEFT: {error}") from error
    if told.get("peft_type") != "PREFIX_TUNING" or set(tensors) != {ADAPTER_TENSOR}:
        raise TrainingError(
            f"{folder} is a {told.get('peft_type')} of {', '.join(sorted(tensors))}; give the "
            "adapter of a run whose method is prefix"
        )
    groups = told["num_attention_heads"]
    sizes = Sizes(
        told["num_virtual_tokens"], told["num_layers"], groups, told["token_dim"] // groups
    )
    return tensors[ADAPTER_TENSOR], sizes


def write_ptuning(adapter: Path, target: Path, original: Tensor | None = None) -> Restored:
    """Write the adapter of a ChatGLM2 as the folder that PICA's `infer.py` and `convert` read.

    `pytorch_model.bin` holds `transformer.prefix_encoder.embedding.weight` in float32, config.json
    `pre_seq_len` and `prefix_projection`. The adapter is then rewritten from it, so that converting
    the folder again gives this adapter bit for bit; its numbers move by one rounding at most.
    """
    torch: Any = import_module("torch")
    safetensors: Any = import_module("safetensors.torch")
    kept, sizes = read_adapter(adapter)
    restored = to_ptuning(kept, sizes, original)
    target.mkdir(parents=True, exist_ok=True)
    torch.save({EMBEDDING: restored.values}, target / "pytorch_model.bin")
    told = {"model_type": "chatglm", "pre_seq_len": sizes.tokens, "prefix_projection": False}
    (target / "config.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    again = {ADAPTER_TENSOR: from_ptuning(restored.values, sizes)}
    safetensors.save_file(again, str(adapter / _WEIGHTS), metadata={"format": "pt"})
    return restored


def _pairs(values: Tensor, sizes: Sizes) -> Tensor:
    """A view [tokens, layers, key or value, groups, channels] of `values`."""
    return values.reshape(sizes.tokens, sizes.layers, 2, sizes.groups, sizes.channels)
