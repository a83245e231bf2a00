"""Tokenizers to encode with: the golden ones, and one that joins whatever stands side by side."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.checkpoints.original_tokenizer import OriginalTokenizer
from qiaoban_agent.checkpoints.plan import Layout
from tests.agent.models import tiny

THINKS = (  # drops thoughts from the history, as Qwen3's does
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n"
    "{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ '<s>[INST] ' + m['content'] | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] | trim + ' </s>' }}{% endif %}{% endfor %}"
)
CHATML_TOKENS = ("<|im_start|>", "<|im_end|>")
ROLES = ("<reserved_106>", "<reserved_107>")


def golden_tokenizer(shared: Path, layout: Layout, target: Path) -> Any:
    """A golden tokenizer as it is converted for transformers."""
    transformers = pytest.importorskip("transformers")
    from qiaoban_agent.checkpoints.tokenizer import convert_tokenizer

    source = shared / "golden" / f"{layout}_tokenizer"
    target.mkdir(exist_ok=True)
    size = len(OriginalTokenizer.open(source, layout).ids)
    convert_tokenizer(source, target, layout, size)
    return transformers.AutoTokenizer.from_pretrained(str(target), local_files_only=True)


def with_tokens(tokenizer: Any, tokens: tuple[str, ...], template: str | None = None) -> Any:
    """The tokenizer with more special tokens and a chat template of its own."""
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    tokenizer.chat_template = template
    return tokenizer


@cache
def joining_tokenizer() -> Any:
    """Its tokens reach over the ends of messages, as `。\\n\\n` does in many vocabularies."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "</s>", "[gMASK]", "sop"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(["答：“好。\n\n[Round 2]", "答：好。\n\n[Round 3]"] * 50, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", unk_token="<unk>"
    )


def byte_tokenizer(template: str | None) -> Any:
    return tiny.tokenizer(template, specials=(*tiny.SPECIALS, "</think>"))
