"""NeMo Guardrails with regex rails and its own fake model."""

from __future__ import annotations

from typing import Any

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
from nemoguardrails import LLMRails, RailsConfig
from nemoguardrails.actions import action
from nemoguardrails.types import LLMResponse, LLMResponseChunk

REFUSAL = "I'm sorry, I can't respond to that."
CONFIG = """
models: []
rails:
  config:
    regex_detection:
      {source}: {{patterns: ['{pattern}']}}
  {source}:
    flows: [regex check {source}]
    {more}
"""


class Fake:
    """Says one reply."""

    model_name, provider_name, provider_url = "fake", None, None

    def __init__(self, text: str) -> None:
        self.text = text

    async def generate_async(self, *_: Any, **__: Any) -> LLMResponse:
        """The whole."""
        return LLMResponse(content=self.text)

    async def stream_async(self, *_: Any, **__: Any) -> Any:
        """In pieces."""
        for piece in pieces(self.text):
            yield LLMResponseChunk(delta_content=piece)


def rails(yaml: str, text: str = "好的。") -> LLMRails:
    """Rails of a configuration around a fake model."""
    return LLMRails(RailsConfig.from_content(yaml_content=yaml), llm=Fake(text))


def asked(yaml: str, message: str) -> str:
    """What comes back for a message."""
    messages = [{"role": "user", "content": message}]
    return str(rails(yaml).generate(messages=messages)["content"])


def input_rail(pattern: str = WORD) -> str:
    """A configuration with one regex rail on the input."""
    return CONFIG.format(source="input", pattern=pattern, more="")


def disclosure() -> str:
    """What a child is told that tells of danger."""
    return f"“{asked(input_rail(), DISCLOSURE)}”"


def outage() -> str:
    """What a child is told when the action of a rail raises."""

    @action(name="detect_regex_pattern")
    async def broken(**_: Any) -> None:
        raise ConnectionError

    app = rails(input_rail())
    app.register_action(broken, "detect_regex_pattern")
    failed = app.generate(messages=[{"role": "user", "content": DISCLOSURE}])["content"]
    return f"closed: “{failed}”"


def typos() -> str:
    """Which misspelt keys load, and whether the message then passes."""
    good = input_rail()
    seen: list[str] = []
    for right, wrong in (
        ("  input:\n    flows", "  inptu:\n    flows"),
        ("flows:", "flow:"),
        ("patterns:", "pattern:"),
    ):
        try:
            answer = asked(good.replace(right, wrong), DISCLOSURE)
        except Exception as error:  # what it raises is the finding
            seen.append(f"{wrong.strip().split(':')[0]}: refused ({type(error).__name__})")
            continue
        state = "loads, message passes" if answer != REFUSAL else "loads, still guarded"
        seen.append(f"{wrong.strip().split(':')[0]}: {state}")
    return "; ".join(seen)


async def stream(more: str) -> str:
    """What is shown of a harmful reply."""
    app = rails(CONFIG.format(source="output", pattern=UNSAFE_WORD, more=more), UNSAFE)
    shown: list[str] = []
    async for chunk in app.stream_async(messages=[{"role": "user", "content": "你好"}]):
        shown.append(str(chunk))
    text = "".join(shown)
    words, _, _ = text.partition('{"error"')
    return f"shows “{words}”"


async def streams() -> str:
    """By default, and told not to show anything first, in small chunks."""
    first = await stream("streaming: {enabled: true}")
    small = "streaming: {enabled: true, stream_first: false, chunk_size: 2, context_size: 1}"
    return f"default: {first}; stream_first: false, chunk_size 2: {await stream(small)}"


if __name__ == "__main__":
    report(
        "nemoguardrails",
        {
            "1": disclosure,
            "2": lambda: (
                "finds it"
                if asked(input_rail(rf"\b{WORD}\b"), DISCLOSURE_INSIDE) == REFUSAL
                else rf"misses it with \b{WORD}\b"
            ),
            "3": lambda: missed(lambda message: asked(input_rail(), message) == REFUSAL),
            "4": typos,
            "6": streams,
            "8": outage,
            "11": lambda: stream("streaming: {enabled: true}"),
        },
    )
