"""What a collecting run is told: which server, within which limits, and where to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from qiaoban_finetune.sections import Section
from qiaoban_guards.policy.types import Language

PersonalData = Literal["mask", "placeholder", "keep"]


class ServerConfig(Section):
    """The model that is asked."""

    model: str
    """Its name on the server."""
    base_url: str | None = None
    """Address of the server, as http://127.0.0.1:8000/v1; else OPENAI_BASE_URL, else OpenAI's."""
    max_tokens: PositiveInt = 2048
    """Of one answer."""
    temperature: NonNegativeFloat | None = 1.0
    """The server's own where null."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """The server's own where null."""
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    """The server's own where null."""
    send_seed: bool = True
    """Send each call a seed of its own, made of the run's; false for a server that takes none."""
    thinks: bool = False
    """The chat template opens a thought before the answer; thoughts are never kept."""
    extra_body: Mapping[str, Any] = {}
    """Further keys of every request, as vLLM's `chat_template_kwargs`."""
    timeout: PositiveFloat = 180
    """Seconds that one answer may take."""


class LimitsConfig(Section):
    """How much is asked, and how often again."""

    concurrency: PositiveInt = 16
    """Calls at a time."""
    requests_per_minute: PositiveFloat | None = None
    """Calls a minute, repeated ones included."""
    tokens_per_minute: PositiveFloat | None = None
    """Tokens a minute, of prompts and answers together."""
    cost: NonNegativeFloat | None = None
    """The most that the whole run may cost, over all resumptions, in the currency of `prices`."""
    retries: NonNegativeInt = 5
    """How often one call is repeated after an error that may pass."""
    backoff: NonNegativeFloat = 0.5
    """Seconds before the first repetition, doubled for each further one; Retry-After counts."""
    failures: PositiveInt = 10
    """So many tasks in a row without an answer end the run."""


class PricesConfig(Section):
    """What a million tokens cost; nothing on a server of one's own."""

    input: NonNegativeFloat = 0.0
    """Of the prompts."""
    output: NonNegativeFloat = 0.0
    """Of the answers."""
    currency: str = "USD"
    """As it is shown."""


class CollectConfig(Section):
    """What every recipe is told."""

    server: ServerConfig
    """The model that is asked."""
    limits: LimitsConfig = LimitsConfig()
    """How much is asked, and how often again."""
    prices: PricesConfig = PricesConfig()
    """What it costs."""
    output: Path
    """The run's folder."""
    language: Language = "zh"
    """Of the dialogues and of the shipped templates."""
    seed: NonNegativeInt = 42
    """Decides every draw."""
    tries: PositiveInt = 2
    """How often a task is asked anew where nothing can be made of its answer."""
    licence: str = ""
    """Under which licence the dialogues may be used; written beside each."""
