"""How a chat template closes the assistant's reply, read off the template itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qiaoban_agent.models.base import Message
from qiaoban_agent.models.transformers.formats import ChatFormat
from qiaoban_agent.models.transformers.marks import Marks
from qiaoban_finetune.errors import ConfigError

_CHILD, _ANSWER = "Qchildq", "Qanswerq"
_END_BY_LABEL = frozenset({"pica", "baichuan2"})
"""Formats whose history shows no end token, though the model writes one behind its reply."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a model writes behind its words, and what a template makes of that in a history."""

    token: int
    """The token that ends a reply; it is learnt after every one."""
    before: str
    """What the template writes between the words and that token."""
    marked: bool
    """Whether a special token, this one or another, stands behind a reply in a history."""


def behind_replies(tokenizer: Any, chat_format: ChatFormat) -> tuple[str, str]:
    """What the template writes behind the last reply, and behind one that a message follows.

    Raises ConfigError for a template that refuses a dialogue or drops the assistant's words.
    """
    (last,) = _behind_answers(tokenizer, chat_format, rounds=1)
    between, _ = _behind_answers(tokenizer, chat_format, rounds=2)
    return last, between


def ending_of(
    tokenizer: Any, chat_format: ChatFormat, marks: Marks, behind: tuple[str, str]
) -> Ending:
    """How the replies of this format end, told from what stands `behind` them.

    Raises ConfigError for a template that never closes a reply: a model that learnt from it would
    talk on for ever.
    """
    last, between = behind
    before, special = _first_special(tokenizer, marks, last)
    if special is None:
        before, special = "", _by_label(tokenizer, chat_format, last)
    return Ending(special, before, _first_special(tokenizer, marks, between)[1] is not None)


def _by_label(tokenizer: Any, chat_format: ChatFormat, last: str) -> int:
    if chat_format.name not in _END_BY_LABEL:
        raise ConfigError(
            "model.template: the tokenizer's chat template never closes a reply: it ends in "
            f"{last!r}, which holds no special token; write {{{{ eos_token }}}} behind the "
            "assistant's content in chat_template.jinja, or name another template"
        )
    end = tokenizer.eos_token_id
    if not isinstance(end, int):
        raise ConfigError(
            "model.base: the tokenizer has no eos_token, so no reply could end; set it in "
            "tokenizer_config.json"
        )
    return end


def _behind_answers(tokenizer: Any, chat_format: ChatFormat, *, rounds: int) -> list[str]:
    """What the template writes behind each answer, up to the next message."""
    said: list[Message] = []
    for number in range(rounds):
        said.append({"role": "user", "content": f"{_CHILD}{number}z"})
        said.append({"role": "assistant", "content": f"{_ANSWER}{number}z"})
    text = _rendered(tokenizer, chat_format, said)
    behind: list[str] = []
    for number in range(rounds):
        _, found, text = text.partition(f"{_ANSWER}{number}z")
        if not found:
            raise ConfigError(
                "model.template: the chat template does not write down what the assistant says; "
                "name another template"
            )
        behind.append(text.partition(f"{_CHILD}{number + 1}z")[0])
    return behind


def _rendered(tokenizer: Any, chat_format: ChatFormat, messages: Sequence[Message]) -> str:
    try:
        text: str = tokenizer.apply_chat_template(
            list(messages),
            chat_template=chat_format.template,
            tokenize=False,
            add_generation_prompt=False,
            enable_thinking=False,
        )
    except Exception as error:  # a template raises whatever it wants to
        raise ConfigError(
            f"model.template: the chat template refuses a plain dialogue: {error}; name another "
            "template"
        ) from error
    return text


def _first_special(tokenizer: Any, marks: Marks, literal: str) -> tuple[str, int | None]:
    """The first special token of a literal, and the plain text before it."""
    ids: list[int] = tokenizer(literal, add_special_tokens=False)["input_ids"]
    special = marks.among(ids)
    return marks.without(literal)[0], special[0] if special else None
