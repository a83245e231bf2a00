"""How large a model is, from its config.json alone: no weight is read, no code of it is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.errors import MissingExtraError
from qiaoban_finetune.config import ModelConfig, RandomModel
from qiaoban_finetune.errors import ConfigError

Linear = tuple[int, int]
"""Sizes in and out of a matrix."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a decoder with gated feed-forward blocks and RMS norms.

    `fused` says that gate and up are one matrix (ChatGLM), `biases` whether queries, keys and
    values have some, `head_norms` whether queries and keys are normalised head by head (Qwen3).
    """

    family: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    inner: int
    vocabulary: int
    tied: bool = False
    biases: bool = False
    head_norms: bool = False
    fused: bool = False

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The matrices of one layer, as adapters stand beside them: q, k, v, o, gate, up, down."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        gates: tuple[Linear, ...] = (
            ((self.width, 2 * self.inner),) if self.fused else ((self.width, self.inner),) * 2
        )
        attention = ((self.width, queries), (self.width, keys), (self.width, keys))
        return (*attention, (queries, self.width), *gates, (self.inner, self.width))

    @property
    def in_linears(self) -> int:
        """Weights in the matrices of all layers."""
        return self.layers * sum(wide * tall for wide, tall in self.linears)

    @property
    def parameters(self) -> int:
        """All weights, embeddings and head among them; a tied head counts once."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        per_layer = 2 * self.width
        per_layer += (queries + 2 * keys) * self.biases + 2 * self.head_size * self.head_norms
        embeddings = self.vocabulary * self.width * (1 if self.tied else 2)
        return self.in_linears + self.layers * per_layer + self.width + embeddings


def shape_of(model: ModelConfig) -> ModelShape:
    """The shape of the model a run begins from; ConfigError where its config.json is unknown."""
    if model.random is not None:
        return _of_random(model.random)
    path = config_file(model.base)
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error
    try:
        return _read(config)
    except KeyError as error:
        raise ConfigError(f"{path}: the key {error} is missing, which tells the size") from error
    except ValueError as error:
        raise ConfigError(f"{path}: model_type: {error}") from error


def config_file(base: str) -> Path:
    """The config.json of a folder, or of a hub id, from which it alone is fetched."""
    if (Path(base) / "config.json").is_file():
        return Path(base) / "config.json"
    if Path(base).exists() or base.startswith(("/", ".", "~")):
        raise ConfigError(f"model.base: {base} has no config.json; give a checkpoint's folder")
    try:
        hub: Any = import_module("huggingface_hub")
    except ImportError as error:
        raise MissingExtraError(f"the model {base}", "transformers") from error
    try:
        return Path(hub.hf_hub_download(base, "config.json"))
    except Exception as error:  # the hub's own errors, and those of the network below it
        raise ConfigError(
            f"model.base: {base} is no folder here, and the hub did not give its config.json "
            f"({type(error).__name__}); check the name, or give the path of a folder"
        ) from error


def _of_random(random: RandomModel) -> ModelShape:
    return ModelShape(
        "llama",
        random.layers,
        random.width,
        random.heads,
        random.heads,
        random.width // random.heads,
        random.inner_width,
        random.vocabulary,
    )


def _read(config: Mapping[str, Any]) -> ModelShape:
    family = str(config.get("model_type", ""))
    if family == "chatglm":
        return _chatglm(config)
    if family not in _FAMILIES:
        raise ValueError(
            f"{family!r} is none whose size is known here: {', '.join(sorted(_FAMILIES))}, chatglm"
        )
    width, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    biases = family == "qwen2" or bool(config.get("attention_bias", False))
    return ModelShape(
        family,
        int(config["num_hidden_layers"]),
        width,
        heads,
        int(config.get("num_key_value_heads") or heads),
        int(config.get("head_dim") or width // heads),
        int(config["intermediate_size"]),
        int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        biases=biases,
        head_norms=family == "qwen3",
        fused=family == "glm",
    )


_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "glm", "baichuan"})


def _chatglm(config: Mapping[str, Any]) -> ModelShape:
    heads = int(config["num_attention_heads"])
    grouped = bool(config.get("multi_query_attention", False))
    return ModelShape(
        "glm",
        int(config["num_layers"]),
        int(config["hidden_size"]),
        heads,
        int(config["multi_query_group_num"]) if grouped else heads,
        int(config["kv_channels"]),
        int(config["ffn_hidden_size"]),
        int(config.get("padded_vocab_size") or config["vocab_size"]),
        biases=bool(config.get("add_qkv_bias", False)),
        fused=True,
    )
