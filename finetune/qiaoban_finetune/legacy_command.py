"""QiaoBan's `finetune.py` by its own options, for `finetune/finetune.py`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from qiaoban_agent.errors import QiaobanError
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.legacy import modern_deepspeed, read_deepspeed, translate

_UNUSABLE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Translate, tell what was translated, and train; status 2 where something cannot be used."""
    given = _parser().parse_args(arguments)
    first = int(os.environ.get("RANK", "0")) == 0
    try:
        translated = translate(
            given.model_config_file,
            deepspeed=given.deepspeed,
            lora=given.lora_hyperparams_file,
            use_lora=given.use_lora,
            ranks=int(os.environ.get("WORLD_SIZE", "1")),
        )
        if first:
            _tell(translated.notices)
        if given.check:
            _check(translated.config)
            return
        config, notices = with_modern_deepspeed(translated.config)
        if first:
            _tell(notices)
        _train(config, resume=given.resume_from_checkpoint)
    except QiaobanError as error:
        if first:
            print(error, file=sys.stderr)  # noqa: T201 - the command's answer
        raise SystemExit(_UNUSABLE) from error


def with_modern_deepspeed(config: TrainingConfig) -> tuple[TrainingConfig, tuple[str, ...]]:
    """The configuration with its DeepSpeed JSON as DeepSpeed takes it today, and what changed.

    A JSON that had to be changed is written to `deepspeed.json` of the run's folder.
    """
    if config.deepspeed is None:
        return config, ()
    old = read_deepspeed(config.deepspeed)
    new, notices = modern_deepspeed(old)
    if new == old:
        return config, ()
    config.output.mkdir(parents=True, exist_ok=True)
    path = config.output / "deepspeed.json"
    part = path.with_suffix(f".{os.getpid()}.part")  # every rank writes the same
    part.write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
    return config.model_copy(update={"deepspeed": path}), notices


def _check(config: TrainingConfig) -> None:
    from qiaoban_finetune.check import check

    print("\n".join(check(config).lines()))  # noqa: T201 - the command's answer


def _train(config: TrainingConfig, *, resume: bool) -> None:
    from qiaoban_finetune.train import train

    train(config, resume=resume)


def _tell(notices: Iterable[str]) -> None:
    for notice in notices:
        print(f"note: {notice}", file=sys.stderr)  # noqa: T201 - the command's answer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="QiaoBan's finetune.py, by its own options.")
    parser.add_argument("--model_config_file", type=Path, required=True)
    parser.add_argument("--deepspeed", type=Path)
    parser.add_argument("--resume_from_checkpoint", action="store_true")
    parser.add_argument("--lora_hyperparams_file", type=_path)
    parser.add_argument("--use_lora", action="store_true")
    parser.add_argument("--check", action="store_true", help="tell what it would take; no training")
    parser.add_argument("--local_rank", "--local-rank", type=int, help="given by launchers")
    return parser


def _path(text: str) -> Path | None:
    """The original's default is an empty text."""
    return Path(text) if text else None
