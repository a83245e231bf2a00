"""Encoders over the golden tokenizers, and what slow tests of training begin from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.checkpoints.plan import Layout
from qiaoban_finetune.config import TrainingConfig
from tests.agent.models import tiny
from tests.finetune import runs, tokens_of


@pytest.fixture(scope="session")
def golden_tokenizers(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Any]:
    """The golden tokenizer for a template: qiaoban, pica, baichuan2 or chatml."""
    folder = tmp_path_factory.mktemp("tokenizers")
    made: dict[str, Any] = {}

    def of(template: str) -> Any:
        if template not in made:
            layout: Layout = "chatglm2" if template == "pica" else "baichuan"
            tokenizer = tokens_of.golden_tokenizer(shared, layout, folder / template)
            if template == "baichuan2":
                tokenizer = tokens_of.with_tokens(tokenizer, tokens_of.ROLES)
            if template == "chatml":
                tokens = tokens_of.CHATML_TOKENS
                tokenizer = tokens_of.with_tokens(tokenizer, tokens, tiny.CHATML)
            made[template] = tokenizer
        return made[template]

    return of


@pytest.fixture(scope="session")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of five dialogues."""
    pairs = [
        (runs.SAID, runs.TAUGHT),
        *runs.OTHERS,
        ("我考试没考好。", "没考好心里难受吧。哪一科让你最难过？"),
    ]
    return runs.write_dialogues(tmp_path_factory.mktemp("data") / "five.jsonl", pairs)


@pytest.fixture(scope="session")
def fresh(five: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt nothing, with a tokenizer for those five."""
    from qiaoban_finetune.scratch import ensure_base

    folder = tmp_path_factory.mktemp("fresh")
    ensure_base(runs.configured(folder, five))
    return folder / "base"


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    """A finished run of every weight, packed, measured on what it learnt."""
    import torch

    from qiaoban_finetune.train import train

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("taught")
    pairs = [(runs.SAID, runs.TAUGHT), *runs.OTHERS]
    data = runs.write_dialogues(folder / "taught.jsonl", pairs)
    config = runs.configured(
        folder,
        data,
        data={"validation": [{"path": str(data), "format": "openai"}]},
        logging={"every_steps": 1, "validate_every_steps": 40, "tensorboard": True},
        optimiser={"learning_rate": 5e-3, "max_steps": 160},
    )
    assert train(config) == config.output
    return config


@pytest.fixture(scope="session")
def uninterrupted(fresh: Path, five: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An eventful run from its beginning to its end."""
    import torch

    from qiaoban_finetune.train import train

    torch.set_num_threads(1)
    return train(runs.eventful(tmp_path_factory.mktemp("whole"), fresh, five))
