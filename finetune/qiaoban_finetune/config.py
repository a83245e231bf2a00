"""What a run is told: a YAML file read into one frozen model.

`load_config` reads a file or a shipped configuration by name, lays `--set` overrides over it, and
refuses with file, line, key and remedy. `finetune/configs/` holds the shipped ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import model_validator

from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.overrides import overridden
from qiaoban_finetune.sections import (
    CheckpointConfig,
    DataConfig,
    FullMethod,
    LoggingConfig,
    LoraMethod,
    MethodConfig,
    ModelConfig,
    OptimiserConfig,
    PreferenceConfig,
    PrefixMethod,
    QloraMethod,
    RandomModel,
    Section,
    SourceConfig,
)
from qiaoban_finetune.shipped import find_config
from qiaoban_guards.documents import parse, read, refused, validate
from qiaoban_guards.errors import DocumentError

__all__ = [
    "CheckpointConfig",
    "DataConfig",
    "FullMethod",
    "LoggingConfig",
    "LoraMethod",
    "MethodConfig",
    "ModelConfig",
    "OptimiserConfig",
    "PreferenceConfig",
    "PrefixMethod",
    "QloraMethod",
    "RandomModel",
    "SourceConfig",
    "TrainingConfig",
    "load_config",
    "parse_config",
]


_FILES = {"data": ("train", "validation", "companion"), "preference": ("pairs",)}
"""Keys that name files, which may stand beside the configuration."""


class TrainingConfig(Section):
    """A whole run."""

    model: ModelConfig
    """The model to begin from."""
    data: DataConfig = DataConfig()
    """What is learnt from."""
    method: MethodConfig = FullMethod()
    """Which weights are trained."""
    preference: PreferenceConfig | None = None
    """Learn from pairs of replies instead of from dialogues."""
    optimiser: OptimiserConfig
    """How it is optimised."""
    deepspeed: Path | None = None
    """DeepSpeed's JSON: looked for beside the configuration, then where the command runs."""
    checkpoints: CheckpointConfig = CheckpointConfig()
    """What a run can be resumed from."""
    logging: LoggingConfig = LoggingConfig()
    """What is told while it goes on."""
    output: Path
    """The run's folder, from where the command runs; `final/` of it is the result."""
    merge: bool = False
    """Write whole weights instead of an adapter."""

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingConfig:
        for problem in _clashes(self):
            raise ValueError(problem)
        return self


def load_config(name_or_path: str | Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """A run's configuration from a YAML file, or a shipped one by its name.

    `overrides` are `key.key=value` as `--set` takes them; paths in them are from where the command
    runs. Raises ConfigError with file, line, key and remedy.
    """
    path = find_config(name_or_path)
    try:
        text = read(path)
        data = parse(text, source=str(path))
    except DocumentError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a configuration is a mapping of keys; see docs/finetuning.md")
    data = _beside(cast("dict[str, Any]", data), path.parent)
    return parse_config(data, origins=[(str(path), text)], overrides=overrides)


def parse_config(
    data: Mapping[str, Any],
    *,
    origins: Sequence[tuple[str, str]],
    overrides: Sequence[str] = (),
) -> TrainingConfig:
    """A run's configuration from plain data; `origins` are (name, YAML) of where it was read."""
    try:
        laid, newer = overridden(data, overrides)
        return _validated(laid, [*newer, *origins])
    except DocumentError as error:
        if not error.source.startswith("--set"):
            raise ConfigError(str(error)) from error
        key = f"{error.key}: " if error.key else ""
        raise ConfigError(f"{error.source}: {key}{error.problem}") from error


def _validated(data: Mapping[str, Any], origins: Sequence[tuple[str, str]]) -> TrainingConfig:
    try:
        return validate(data, TrainingConfig, origins=origins)
    except DocumentError as error:
        if error.key:
            raise
        # Two keys that clash: the problem begins with the one to change.
        key, _, problem = error.problem.partition(": ")
        raise refused(problem, tuple(key.split(".")), data, origins) from error


def _clashes(config: TrainingConfig) -> Iterator[str]:
    """What cannot go together, as `key: problem; remedy`."""
    if config.preference is not None:
        yield from _clashes_with_pairs(config, config.preference)
    elif not config.data.train:
        yield "data.train: names no file; add `- path: FILE` under it"
    if config.method.kind == "prefix" and config.merge:
        yield (
            "merge: a prefix stands beside the weights and cannot be merged into them; set "
            "merge: false"
        )
    if config.method.kind == "prefix" and config.data.packing and config.preference is None:
        yield (
            "data.packing: every packed dialogue would need the prefix before it; set "
            "packing: false"
        )
    if config.method.kind == "qlora" and config.merge:
        yield (
            "merge: quantised weights lose what an adapter adds to them; set merge: false and "
            "load the adapter, or take kind: lora"
        )
    random = config.model.random
    if random is not None and random.positions < config.data.max_tokens:
        yield (
            f"model.random.positions: {random.positions} is less than data.max_tokens "
            f"{config.data.max_tokens}; raise it"
        )


def _clashes_with_pairs(config: TrainingConfig, preference: PreferenceConfig) -> Iterator[str]:
    if config.data.train:
        yield (
            "data.train: nothing is learnt of dialogues where preference is set; take one of the "
            "two out, and train on the other's final/ with it"
        )
    if isinstance(config.data.validation, tuple):
        yield (
            "data.validation: files are of dialogues, and preference learns from pairs; write a "
            "share or a number of pairs"
        )
    if config.data.companion is not None:
        yield (
            "data.companion: pairs are learnt as they stand; take it out, and write the system "
            "message into the pairs"
        )
    if config.model.random is not None:
        yield (
            "model.random: a random model says nothing that one could prefer; train it on "
            "dialogues first, and name its final/ as model.base"
        )
    if preference.label_smoothing and preference.loss != "sigmoid":
        yield (
            f"preference.label_smoothing: the loss {preference.loss} has none; set it to 0, or "
            "take loss: sigmoid"
        )


def _beside(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The data with those paths of files that stand beside the configuration made whole."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict) and "path" in value:
            entry = cast("dict[str, Any]", value)
            return {**entry, "path": whole(entry["path"])}
        if isinstance(value, list):
            return [whole(one) for one in cast("list[Any]", value)]
        if isinstance(value, str) and (folder / value).exists():
            return str(folder / value)
        return cast("object", value)

    found = dict(data)
    for section, keys in (
        ("data", ("train", "validation", "companion")),
        ("preference", ("pairs",)),
    ):
        if isinstance(part := found.get(section), dict):
            named = cast("dict[str, Any]", part)
            found[section] = {k: whole(v) if k in keys else v for k, v in named.items()}
    if "deepspeed" in found:
        found["deepspeed"] = whole(found["deepspeed"])
    return found
