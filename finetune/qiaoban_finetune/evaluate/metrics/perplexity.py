"""How surprising replies are to a language model, by `transformers`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from qiaoban_finetune.errors import ConfigError, EvaluationError
from qiaoban_guards.documents import Frozen
from qiaoban_guards.errors import MissingExtraError


class Perplexity(Frozen):
    """exp of the mean negative log likelihood a token, over all tokens of all texts.

    Tokens are the model's own: perplexities of two tokenizers are not comparable, bits a
    character are.
    """

    value: float
    bits_a_character: float
    tokens: int
    model: str


def perplexity(texts: Sequence[str], model: str, window: int = 1024) -> Perplexity:
    """The perplexity of texts, each alone, under a causal model (a folder or a hub id).

    A first token is predicted from the model's BOS, where it has one, else not counted; a text
    longer than `window` tokens is read in windows that share half. Raises ConfigError for a model
    that cannot be loaded, EvaluationError where no text has a token.
    """
    torch, net, tokenizer = _loaded(model)
    nats, counted = 0.0, 0
    for text in texts:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        if tokenizer.bos_token_id is not None:
            ids = [tokenizer.bos_token_id, *ids]
        surprise, fresh = _surprise(torch, net, ids, window)
        nats += surprise
        counted += fresh
    if not counted:
        raise EvaluationError("perplexity: no text has a token to predict; give replies with words")
    characters = sum(len(text) for text in texts)
    return Perplexity(
        value=math.exp(nats / counted),
        bits_a_character=nats / math.log(2) / characters,
        tokens=counted,
        model=model,
    )


def _loaded(model: str) -> tuple[Any, Any, Any]:
    try:
        torch: Any = import_module("torch")
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("perplexity", "transformers") from error
    try:
        net = transformers.AutoModelForCausalLM.from_pretrained(model).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--perplexity {model}: cannot be loaded: {error}") from error
    return torch, net, tokenizer


def _surprise(torch: Any, net: Any, ids: Sequence[int], window: int) -> tuple[float, int]:
    """Nats and number of the tokens after the first; each is predicted once."""
    nats, counted, predicted = 0.0, 0, 1
    for start in range(0, max(1, len(ids)), window // 2):
        part = ids[start : start + window]
        end = start + len(part)
        fresh = end - max(predicted, start + 1)
        if fresh > 0:
            with torch.no_grad():
                logits = net(torch.tensor([list(part)])).logits[0, :-1].float()
            loss = torch.nn.functional.cross_entropy(
                logits[-fresh:], torch.tensor(list(part[-fresh:])), reduction="sum"
            )
            nats, counted, predicted = nats + float(loss), counted + fresh, end
        if end == len(ids):
            break
    return nats, counted
