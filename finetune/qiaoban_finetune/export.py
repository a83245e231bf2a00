"""The result of a run: a folder of the hub's layout that `Companion` talks with at once.

    final/                 config.json, tokenizer, weights, how it is talked with
    final/adapter/         the adapter, where one was trained and not merged
    final/ptuning/         the prefix of a ChatGLM2 as PICA's scripts read it

An adapter stands beside the weights it belongs to: they are linked to the base's where the disk
allows that, so they take no room, and copied elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.checkpoints.report import NAME as CONVERSION
from qiaoban_agent.checkpoints.staged import staged
from qiaoban_agent.checkpoints.target import write_json
from qiaoban_agent.models.transformers.placement import ADAPTER
from qiaoban_finetune.base import Base, Precision
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.methods import ADAPTER as TRAINED
from qiaoban_finetune.prefix_layout import write_ptuning

FINAL, PTUNING = "final", "ptuning"
_WEIGHTS = (".safetensors", ".bin")
_TORCH = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def export(
    model: Any,
    weights: Mapping[str, Any],
    base: Base,
    config: TrainingConfig,
    precision: Precision,
) -> Path:
    """Write `final/` of the run, whole or not at all, and return it; the first process alone.

    `weights` are the trained ones by name (`distributed.trained_weights`). What an earlier end of
    the same run left is replaced. Raises CheckpointError where it cannot be written.
    """
    final = config.output / FINAL
    if final.exists():
        shutil.rmtree(final)
    with staged(final) as folder:
        if config.method.kind == "full":
            _full(model, weights, base, folder, precision)
        else:
            _adapter(model, weights, base, config, folder)
            if config.merge:
                _merge(base, folder)
            else:
                _link_weights(base.folder, folder)
        _copy_others(base.folder, folder)
        _tell_format(base, folder)
    return final


def _full(
    model: Any, weights: Mapping[str, Any], base: Base, folder: Path, precision: Precision
) -> None:
    torch: Any = import_module("torch")
    dtype = getattr(torch, _TORCH[precision])
    model.config.use_cache = True
    model.save_pretrained(
        str(folder), state_dict={name: weight.to(dtype) for name, weight in weights.items()}
    )
    _set(folder / "config.json", dtype=_TORCH[precision])
    _keep_generation(base.folder, folder)


def _adapter(
    model: Any, weights: Mapping[str, Any], base: Base, config: TrainingConfig, folder: Path
) -> None:
    model.eval()  # a prefix is computed once more, without its dropout
    given = {"state_dict": dict(weights)} if config.method.kind != "prefix" else {}
    model.save_pretrained(
        str(folder / ADAPTER), save_embedding_layers=False, selected_adapters=[TRAINED], **given
    )
    _set(folder / ADAPTER / "adapter_config.json", base_model_name_or_path=_base_name(base, config))
    if config.method.kind == "prefix" and _is_chatglm2(base.folder):
        write_ptuning(folder / ADAPTER, folder / PTUNING)


def _base_name(base: Base, config: TrainingConfig) -> str:
    """Where PEFT finds the model that the adapter stands beside."""
    given = Path(config.model.base)
    if given.is_dir() and given.resolve() == base.folder.resolve():
        return str(given.absolute())
    if (base.folder / CONVERSION).is_file():  # in a cache that nobody else knows
        return str((config.output / FINAL).absolute())
    return config.model.base


def _merge(base: Base, folder: Path) -> None:
    """Weights with the adapter added, computed anew from the base on the CPU."""
    transformers: Any = import_module("transformers")
    peft: Any = import_module("peft")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(base.folder, dtype="auto")
    merged = peft.PeftModel.from_pretrained(loaded, str(folder / ADAPTER)).merge_and_unload()
    merged.save_pretrained(str(folder))
    _keep_generation(base.folder, folder)
    shutil.rmtree(folder / ADAPTER)


def _link_weights(base: Path, folder: Path) -> None:
    """The base's weights and their index; one file is on the disk once where it can be."""
    for file in sorted(base.iterdir()):
        if file.suffix in _WEIGHTS or file.name.endswith(".index.json"):
            try:
                os.link(file.resolve(), folder / file.name)
            except OSError:  # another disk, or a file system without links
                shutil.copy2(file.resolve(), folder / file.name)


def _copy_others(base: Path, folder: Path) -> None:
    """Tokenizer, settings and licence texts as they are in the base."""
    for file in sorted(base.iterdir()):
        there = (folder / file.name).exists()
        weights = file.suffix in (*_WEIGHTS, ".part") or file.name.endswith(".index.json")
        if file.is_file() and not there and not weights and file.name != CONVERSION:
            shutil.copyfile(file, folder / file.name)


def _keep_generation(base: Path, folder: Path) -> None:
    """generation_config.json as the base has it, not as the training library rewrites it."""
    file = base / "generation_config.json"
    if file.is_file():
        shutil.copyfile(file, folder / file.name)


def _tell_format(base: Base, folder: Path) -> None:
    """Have the agent, and for plain text any other program, find the format that was learnt."""
    form, layout = base.chat_format, _layout(base.folder)
    if layout or form.name != "template":
        told = {"layout": layout} if layout else {}
        write_json(folder / CONVERSION, {**told, "chat_format": form.name})
    if form.name == "qiaoban":
        (folder / "chat_template.jinja").write_text(form.template, encoding="utf-8", newline="\n")


def _layout(base: Path) -> str | None:
    """Whose tensors the base's were before it was converted; None where it was not."""
    file = base / CONVERSION
    return json.loads(file.read_text(encoding="utf-8")).get("layout") if file.is_file() else None


def _is_chatglm2(base: Path) -> bool:
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return (_layout(base), config.get("model_type")) == ("chatglm2", "glm")


def _set(file: Path, **values: Any) -> None:
    write_json(file, {**json.loads(file.read_text(encoding="utf-8")), **values})
