"""What a run would ask first, and the most that it can cost, without asking anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qiaoban_finetune.collect.asking import Recipe
from qiaoban_finetune.collect.limits import Budget, most_tokens
from qiaoban_finetune.collect.settings import CollectConfig


def rehearsal(recipe: Recipe[Any], config: CollectConfig) -> Iterator[str]:
    """The first request as lines, and what all first calls together cost at most."""
    request = next(recipe.talk(0))
    for message in request.messages:
        yield f"[{message['role']}]"
        yield message["content"]
    estimate = most_tokens(request, config.server.max_tokens)
    cost = Budget(config.prices, None).cost(estimate.input, estimate.output)
    yield (
        f"tasks      {recipe.count:,}; the first call of each takes at most about "
        f"{estimate.input + estimate.output:,} tokens"
    )
    yield f"cost       at most about {cost * recipe.count:,.2f} {config.prices.currency} for them"
