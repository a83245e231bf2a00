"""Llama Guard 3 (1B, 8B) and 4 (12B): eight languages, Chinese not among them.

Wire and codes: PurpleLlama model cards and the llama-cookbook. The names of the categories
differ between card and template, so the code is what counts.

Conversations in which ages are stated get S4 almost always (PurpleLlama issue 74), and children
state theirs all the time. The table therefore holds S4 at `moderate`: it does not call an adult
by itself, and a grave finding of the embedded guard stands beside it at its own level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qiaoban_guards.risk.remote.answers import NoVerdictError, content, first_choice
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.tables import Table
from qiaoban_guards.risk.remote.verdict import Reading

_ENDS = re.compile(r"(?:<\|(?:eot_id|eot|end_of_text)\|>\s*)+$")
_CODE = re.compile(r"[A-Z]+[0-9]{0,3}")


class LlamaGuard(RemoteGuard):
    """Judges with context.

    content_parts: send `content` as a list of parts, as the 1B's template wants it.
    """

    name = "llama_guard"

    def __init__(
        self,
        server: Server,
        model: str,
        *,
        content_parts: bool = False,
        context: int = 6,
        table: Table | Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(server, model, context=context, table=table, extra_body=extra_body)
        self._content_parts = content_parts

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One chat completion; the server renders the model's own template."""
        if not self._content_parts:
            return [self._chat(turns, 20)]
        parts = [
            {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]}
            for turn in turns
        ]
        return [self._chat(parts, 20)]

    def read(self, _question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read `safe`, or `unsafe` and a line of codes.

        The cap may cut a long line of codes: `unsafe` stands, the code it ended in does not.
        """
        choice = first_choice(answer, ("stop", "length"))
        cut = choice["finish_reason"] == "length"
        lines = _ENDS.sub("", content(choice)).split("\n")
        label = lines[0].strip().lower()
        rest = " ".join(lines[1:]).strip()
        if label == "safe" and not rest and not cut:
            return Reading(label="safe", severity="safe")
        if label != "unsafe":
            raise NoVerdictError("truncated" if cut else "no label")
        codes = [code.strip().upper() for code in rest.split(",") if code.strip()]
        codes = codes[:-1] if cut else codes
        # What is no code at all is no category either, but the answer stays unsafe.
        categories = tuple(dict.fromkeys(code for code in codes if _CODE.fullmatch(code)))
        return Reading(
            label=label,
            severity="unsafe",
            categories=categories,
            findings=self._table.findings(categories, "unsafe", self.source),
        )
