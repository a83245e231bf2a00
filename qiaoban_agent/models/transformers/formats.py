"""How a checkpoint wants a conversation written down: QiaoBan, PICA, Baichuan2-Chat, or its own.

A format is a Jinja chat template and what belongs to it: the tags of plain text that open a role,
the strings that end a reply, and how the checkpoint's authors drew from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast, get_args

from qiaoban_agent.errors import ModelError
from qiaoban_agent.models.transformers.sampling import Sampling

FormatName = Literal["qiaoban", "pica", "baichuan2", "template"]
_OF_LAYOUT: Mapping[str, FormatName] = {
    "baichuan": "qiaoban",
    "baichuan2": "baichuan2",
    "chatglm2": "pica",
}


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How a conversation becomes a prompt, and where a reply ends."""

    name: FormatName
    template: str
    """The Jinja chat template."""
    tags: tuple[str, ...] = ()
    """Regular expressions of plain text that would open a role; no message may contain one."""
    stops: tuple[str, ...] = ()
    """Strings that end a reply and are not shown."""
    own_tag: str = ""
    """What the assistant's messages begin with; dropped where a message or a reply repeats it."""
    lead: tuple[str, ...] = ()
    """Tokens at the start that the tokenizer may not find in text; they are put there by id."""
    tokens: tuple[str, ...] = ()
    """Tokens that the template writes; the tokenizer has to find them in text."""
    sampling: Sampling = field(default_factory=Sampling)
    max_new_tokens: int = 300


@cache
def named(name: str) -> ChatFormat:
    """One of the formats that come with the package; raises ModelError for another name."""
    match name:
        case "qiaoban":
            tags = ("孩子：", "智能助手：")
            return ChatFormat(
                name,
                _shipped(name),
                tags=tags,
                stops=tags,
                own_tag="智能助手：",
                tokens=("</s>",),
                sampling=Sampling(temperature=1.0, top_p=0.95),
                max_new_tokens=512,
            )
        case "pica":
            return ChatFormat(
                name,
                _shipped(name),
                tags=(r"\[Round[^\S\n]*\d+\]", r"(?m:^[^\S\n]*[问答]：)"),
                stops=("[Round ", "\n问：", "\n答："),
                lead=("[gMASK]", "sop"),
                sampling=Sampling(temperature=0.0),
                max_new_tokens=256,
            )
        case "baichuan2":
            roles = ("<reserved_106>", "<reserved_107>")
            return ChatFormat(name, _shipped(name), tokens=roles, stops=roles)
        case _:
            raise ModelError(
                f"no chat format is called {name!r}; write qiaoban, pica, baichuan2, "
                "or template for the tokenizer's own"
            )


def template_of(name: str) -> str:
    """The Jinja chat template of qiaoban, pica or baichuan2; raises ModelError for others."""
    return named(name).template


def format_of(
    folder: Path, tokenizer: Any, generation: Any, asked: str | None = None
) -> ChatFormat:
    """The format that was asked for, or the checkpoint's own.

    `tokenizer` and `generation` (its GenerationConfig) are as transformers loaded them. Raises
    ModelError where nothing tells the format, or what the format needs is not there.
    """
    name = asked or _told_by(folder, generation)
    if name is None and not tokenizer.chat_template:
        raise ModelError(
            f"{folder} does not tell how a conversation is written: its tokenizer has no chat "
            "template; give chat_format='qiaoban', 'pica' or 'baichuan2', or write a "
            "chat_template.jinja into the folder"
        )
    if name == "baichuan2":
        return _with_role_tokens(named(name), folder, tokenizer, generation)
    if name is not None and name != "template":
        return named(name)
    if not tokenizer.chat_template:
        raise ModelError(f"the tokenizer of {folder} has no chat template; give a chat_format")
    return ChatFormat("template", tokenizer.get_chat_template())


def _told_by(folder: Path, generation: Any) -> FormatName | None:
    """What the report of a conversion or of training, or the generation settings say."""
    report = folder / "conversion.json"
    layout: str | None = None
    if report.is_file():
        told = json.loads(report.read_text(encoding="utf-8"))
        if told.get("chat_format") in get_args(FormatName):
            return cast("FormatName", told["chat_format"])
        layout = told.get("layout")
    chats = _role_ids(generation) is not None
    if layout is not None and (layout != "baichuan2" or chats):
        return _OF_LAYOUT.get(layout)
    return "baichuan2" if chats else None


def _role_ids(generation: Any) -> tuple[int, int] | None:
    child: object = getattr(generation, "user_token_id", None)
    assistant: object = getattr(generation, "assistant_token_id", None)
    return (child, assistant) if isinstance(child, int) and isinstance(assistant, int) else None


def _with_role_tokens(
    shipped: ChatFormat, folder: Path, tokenizer: Any, generation: Any
) -> ChatFormat:
    """Baichuan2's format with the tokens that stand for the roles in this vocabulary."""
    ids = _role_ids(generation)
    if ids is None:
        raise ModelError(
            f"{folder}/generation_config.json has no user_token_id and assistant_token_id: "
            "this is a base model, not Baichuan2-Chat"
        )
    tokens: list[str] = tokenizer.convert_ids_to_tokens(list(ids))
    template = shipped.template
    for usual, token in zip(shipped.tokens, tokens, strict=True):
        template = template.replace(f"'{usual}'", json.dumps(token))
    return replace(shipped, template=template, tokens=tuple(tokens), stops=tuple(tokens))


def _shipped(name: str) -> str:
    source = files("qiaoban_agent.models.transformers") / "templates" / f"{name}.jinja"
    return source.read_text(encoding="utf-8").removesuffix("\n")
