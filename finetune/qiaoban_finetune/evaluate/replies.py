"""A model that says the lines of a file, whatever it hears: for contrast, and for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field

from qiaoban_agent.models.base import Message
from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.policy.types import Language

Said = Annotated[tuple[str, ...], Field(min_length=1)]


class _File(Frozen):
    replies: Mapping[Language, Said]


class Replies:
    """Says one of `lines`; which one is settled by all it has heard, so that runs are alike."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = tuple(lines)

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """Answer the last message."""
        heard = "\n".join(f"{m['role']}:{m['content']}" for m in messages)
        digest = hashlib.sha256(heard.encode("utf-8", "replace")).digest()
        yield self._lines[int.from_bytes(digest[:8], "big") % len(self._lines)]


def replies_from(name: str, language: Language) -> Replies:
    """`bad`, or a YAML file with `replies: {zh: […], en: […]}`; ConfigError where it has none."""
    if name == "bad":
        source = files("qiaoban_finetune.evaluate") / "content" / "bad_companion.yaml"
        return Replies(load(source, _File).replies[language])
    path = Path(name)
    if not path.is_file():
        raise ConfigError(
            f"replies:{name}: no such file; give a YAML file with `replies: {{zh: […], en: […]}}`, "
            "or `replies:bad`"
        )
    lines = load(path, _File).replies.get(language)
    if lines is None:
        raise ConfigError(f"{path}: replies has no {language!r}; add the key, or leave --lang out")
    return Replies(lines)
