"""Encoders over the golden tokenizers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.checkpoints.plan import Layout
from tests.agent.models import tiny
from tests.finetune import tokens_of


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
