"""The tokenizer of the model a run begins from, and its chat format, without its weights.

An original Baichuan or ChatGLM2 tokenizer is converted for the moment; of a checkpoint on the hub
only JSON and vocabularies are fetched.
"""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from qiaoban_agent.models.transformers.formats import ChatFormat, format_of
from qiaoban_agent.models.transformers.placement import load_tokenizer
from qiaoban_finetune.config import ModelConfig
from qiaoban_finetune.shape import config_file

_NO_WEIGHTS = ["*.json", "*.model", "*.jinja", "*.txt"]


def base_tokenizer(model: ModelConfig) -> tuple[Any, ChatFormat]:
    """The tokenizer of `model.base` and the format that `model.template` asks for.

    Raises ModelError or CheckpointError for what cannot be used.
    """
    from qiaoban_agent.checkpoints.layouts import is_standard

    folder = config_file(model.base).parent
    if not Path(model.base).is_dir():
        hub: Any = import_module("huggingface_hub")
        folder = Path(hub.snapshot_download(model.base, allow_patterns=_NO_WEIGHTS))
    asked = None if model.template == "auto" else model.template
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if is_standard(config):
        tokenizer = load_tokenizer(folder)
        return tokenizer, format_of(folder, tokenizer, _generation(folder), asked)
    with tempfile.TemporaryDirectory() as made:
        converted = Path(made)
        _convert(folder, config, converted)
        tokenizer = load_tokenizer(converted)
        return tokenizer, format_of(converted, tokenizer, _generation(folder), asked)


def _convert(folder: Path, config: dict[str, Any], target: Path) -> None:
    from qiaoban_agent.checkpoints.layouts import plan_for
    from qiaoban_agent.checkpoints.tokenizer import convert_tokenizer

    plan = plan_for(folder, config)
    convert_tokenizer(folder, target, plan.layout, plan.config["vocab_size"])
    report = json.dumps({"layout": plan.layout})
    (target / "conversion.json").write_text(report, encoding="utf-8")


def _generation(folder: Path) -> Any:
    """What generation_config.json says, as attributes."""
    path = folder / "generation_config.json"
    told: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return SimpleNamespace(**told)
