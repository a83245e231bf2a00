"""openai-guardrails and the output guardrail of openai-agents, with fake models and no key."""

from __future__ import annotations

from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

from agents import (
    Agent,
    GuardrailFunctionOutput,
    OutputGuardrailTripwireTriggered,
    Runner,
    output_guardrail,
    set_tracing_disabled,
)
from agents.testing import ScriptedModel, assistant_message
from asked import (
    DISCLOSURE,
    DISCLOSURE_INSIDE,
    UNSAFE,
    UNSAFE_WORD,
    WORD,
    missed,
    pieces,
    report,
)
from guardrails import GuardrailsAsyncOpenAI
from guardrails.runtime import instantiate_guardrails, load_config_bundle, run_guardrails

set_tracing_disabled(True)


def bundle(word: str, **more: Any) -> dict[str, Any]:
    """One keyword filter."""
    return {
        "version": 1,
        "guardrails": [{"name": "Keyword Filter", "config": {"keywords": [word]}, **more}],
    }


async def triggered(message: str, word: str = WORD) -> bool:
    """Whether the keyword filter finds it."""
    guards = instantiate_guardrails(load_config_bundle(bundle(word)))
    results = await run_guardrails(SimpleNamespace(), message, "text/plain", guards)
    return any(result.tripwire_triggered for result in results)


def finds(message: str) -> bool:
    """The same, blocking."""
    import asyncio

    return asyncio.run(triggered(message))


def client(**stages: Any) -> GuardrailsAsyncOpenAI:
    """Its client; nothing is sent."""
    config = {"version": 1, **stages}
    return GuardrailsAsyncOpenAI(config=config, api_key="none", base_url="http://127.0.0.1:9/v1")


async def disclosure() -> str:
    """What an app gets for a disclosure."""
    ours = client(input=bundle(DISCLOSURE))
    await ours._run_stage_guardrails("input", DISCLOSURE)
    return "passes"


def typos() -> str:
    """Which misspelt keys load."""
    seen: list[str] = []
    wrong: dict[str, dict[str, Any]] = {
        "beside a guardrail": bundle(WORD, confg={"keywords": []}),
        "in its config": {
            "version": 1,
            "guardrails": [
                {"name": "Keyword Filter", "config": {"keywords": [WORD], "keyword": [WORD]}}
            ],
        },
        "at the top": {**bundle(WORD), "guardrail": []},
    }
    for where, config in wrong.items():
        try:
            instantiate_guardrails(load_config_bundle(config))
        except Exception as error:  # what it raises is the finding
            seen.append(f"{where}: refused ({type(error).__name__})")
        else:
            seen.append(f"{where}: loads")
    return "; ".join(seen)


async def streamed() -> str:
    """What its stream shows of a harmful reply."""
    ours = client(output=bundle(UNSAFE))

    async def chunks() -> Any:
        for piece in pieces():
            delta = SimpleNamespace(content=piece)
            yield SimpleNamespace(choices=[SimpleNamespace(delta=delta)])

    shown = 0
    try:
        async for _ in ours._stream_with_guardrails(chunks(), [], []):
            shown += 1
    except Exception as error:  # its way to end a stream
        return f"yields {shown} of {len(pieces())} pieces, then raises {type(error).__name__}"
    return f"yields {shown} of {len(pieces())} pieces, and no error"


async def outage() -> str:
    """A check that needs a server, with none there, as configured by default."""
    config = {
        "version": 1,
        "guardrails": [
            {"name": "Jailbreak", "config": {"model": "none", "confidence_threshold": 0.5}}
        ],
    }
    ours = client(input=config)
    results = await ours._run_stage_guardrails("input", DISCLOSURE)
    failed = [result.execution_failed for result in results]
    return f"goes on (execution_failed={failed}, no exception): open"


async def agents_output() -> str:
    """What openai-agents streams before its output guardrail speaks."""

    @output_guardrail
    async def words(_: Any, __: Any, output: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output, tripwire_triggered=UNSAFE_WORD in output)

    model = ScriptedModel([[assistant_message(UNSAFE)]])
    agent = Agent(name="a", model=model, output_guardrails=[words])
    result = Runner.run_streamed(agent, "你好")
    shown = ""
    try:
        async for event in result.stream_events():
            if event.type == "raw_response_event":
                shown += getattr(event.data, "delta", "") or ""
            elif event.type == "run_item_stream_event" and not shown:
                shown += getattr(event.item.raw_item.content[0], "text", "")
    except OutputGuardrailTripwireTriggered:
        ended = "then raises the tripwire"
    else:
        ended = "and no error"
    name = f"openai-agents {version('openai-agents')}"
    return f"{name}: shows “{shown}”, {ended}"


if __name__ == "__main__":
    report(
        "openai-guardrails",
        {
            "1": disclosure,
            "2": lambda: "finds it" if finds(DISCLOSURE_INSIDE) else "misses it",
            "3": lambda: missed(finds),
            "4": typos,
            "6": streamed,
            "8": outage,
            "11": agents_output,
        },
    )
