"""guardrails-ai with a validator of one regex; nothing is fetched from its hub."""

from __future__ import annotations

import re
from typing import Any

from asked import DISCLOSURE, UNSAFE, UNSAFE_WORD, WORD, missed, pieces, report
from guardrails import Guard
from guardrails.validator_base import (
    FailResult,
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)

calls: list[str] = []


@register_validator(name="words", data_type="string")
class Words(Validator):
    """Fails on a word."""

    def __init__(self, word: str = WORD, **more: Any) -> None:
        super().__init__(word=word, **more)
        self._word = word

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        del metadata
        calls.append(value)
        if self._word == "broken":
            raise ConnectionError
        return FailResult(error_message="no") if re.search(self._word, value) else PassResult()


def finds(message: str) -> bool:
    """Whether the validator fails."""
    return not Guard().use(Words(on_fail="noop")).validate(message).validation_passed


def fake(*_: Any, messages: Any = None, **__: Any) -> Any:
    """A model that streams a harmful reply."""
    del messages
    return iter(pieces())


def streamed() -> str:
    """What is shown of a harmful reply, and how often the validator was called before the end."""
    guard = Guard().use(Words(UNSAFE_WORD, on_fail="exception"))
    calls.clear()
    shown = ""
    before = 0
    try:
        for outcome in guard(fake, messages=[{"role": "user", "content": "你好"}], stream=True):
            shown += str(outcome.validated_output or "")
            before = len(calls)
    except Exception as error:  # its way to end a stream
        ended = type(error).__name__
    else:
        ended = "no error"
    return (
        f"shows “{shown}”, validator called {before} times before"
        f" the last of them; ends with {ended}"
    )


def boundaries() -> str:
    """How its splitter of sentences takes Chinese."""
    from guardrails.validator_base import split_sentence_word_tokenizers_jl_separator as split

    return f"sentence splitter on “{UNSAFE}”: {split(UNSAFE)}"


if __name__ == "__main__":
    report(
        "guardrails-ai",
        {
            "1": lambda: Guard().use(Words(on_fail="exception")).validate(DISCLOSURE),
            "2": lambda: "not asked: it ships no filter of words; its hub was not fetched from",
            "3": lambda: missed(finds),
            "4": lambda: "not asked: it is set up in Python, not in a configuration",
            "6": lambda: f"{streamed()}; {boundaries()}",
            "8": lambda: Guard().use(Words("broken", on_fail="exception")).validate(DISCLOSURE),
            "11": streamed,
        },
    )
