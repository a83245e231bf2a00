"""How fast is asked, and for how much money."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from qiaoban_finetune.collect.asking import Request
from qiaoban_finetune.collect.settings import LimitsConfig, PricesConfig

_MILLION = 1_000_000
_OF_A_MESSAGE = 8
"""Tokens that a chat template puts around a message, at most."""


class Pace:
    """So much a minute, evenly: who comes too early waits, in the order of coming."""

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = 60.0 / per_minute if per_minute else 0.0
        self._clock = clock
        self._free_at = clock()

    def take(self, amount: float = 1.0) -> float:
        """The seconds to wait before so much may pass."""
        now = self._clock()
        begins = max(self._free_at, now)
        self._free_at = begins + amount * self._seconds
        return begins - now

    def give_back(self, amount: float) -> None:
        """Of what was taken, so much was not used; negative where it was more."""
        self._free_at -= amount * self._seconds


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most tokens a call can take."""

    input: int
    output: int


def most_tokens(request: Request, max_tokens: int) -> Estimate:
    """The most tokens of a call: no tokenizer makes more of a text than it has bytes."""
    prompt = sum(len(one["content"].encode()) + _OF_A_MESSAGE for one in request.messages)
    return Estimate(prompt, min(request.max_tokens or max_tokens, max_tokens))


class Budget:
    """What was spent and what calls under way may still cost, together never over the limit."""

    def __init__(self, prices: PricesConfig, limit: float | None, spent: float = 0.0) -> None:
        self._prices, self._limit = prices, limit
        self.spent, self._reserved = spent, 0.0

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost."""
        together = input_tokens * self._prices.input + output_tokens * self._prices.output
        return together / _MILLION

    def reserve(self, estimate: Estimate) -> bool:
        """Whether the most that a call can cost is left; it is then kept for it."""
        cost = self.cost(estimate.input, estimate.output)
        if self._limit is not None and self.spent + self._reserved + cost > self._limit:
            return False
        self._reserved += cost
        return True

    def settle(self, estimate: Estimate, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """A call is over, and cost what it cost."""
        self._reserved -= self.cost(estimate.input, estimate.output)
        self.spent += self.cost(input_tokens, output_tokens)

    @property
    def idle(self) -> bool:
        """Whether nothing is reserved, so that nothing will be given back."""
        return self._reserved <= 1e-12


class Paces:
    """Both paces of a run: calls and tokens."""

    def __init__(self, limits: LimitsConfig) -> None:
        self._calls = Pace(limits.requests_per_minute)
        self._tokens = Pace(limits.tokens_per_minute)

    async def wait(self, estimate: Estimate) -> None:
        """Wait until a call may be made."""
        seconds = max(self._calls.take(), self._tokens.take(estimate.input + estimate.output))
        if seconds > 0:
            await asyncio.sleep(seconds)

    def used(self, estimate: Estimate, tokens: int) -> None:
        """A call took so many tokens, fewer than were waited for."""
        self._tokens.give_back(estimate.input + estimate.output - tokens)
