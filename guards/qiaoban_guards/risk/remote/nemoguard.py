"""NemoGuard and Nemotron content safety: one JSON object with a verdict for either side.

Format: NVIDIA/NeMo-Guardrails, llm/output_parsers.py. The server renders the model's template;
models without one are asked through `extra_body` or a template of the app's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qiaoban_guards.risk.remote.answers import NoVerdictError, content, first_choice, parse_object
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.server import Question
from qiaoban_guards.risk.remote.verdict import Reading


class NemoGuard(RemoteGuard):
    """Judges with context."""

    name = "nemoguard"

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One chat completion; the question remembers whose message is judged."""
        key = "User Safety" if turns[-1]["role"] == "user" else "Response Safety"
        return [Question("chat", self._chat(turns, 128).body, about=key)]

    def read(self, question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read the judged side's verdict; only `safe` passes, any other word is none."""
        said = parse_object(content(first_choice(answer, ("stop",))), "the answer")
        label = said.get(question.about)
        if label == "safe":
            return Reading(label="safe", severity="safe")
        if label != "unsafe":
            raise NoVerdictError("no label")
        listed = said.get("Safety Categories")
        names = listed.split(",") if isinstance(listed, str) else []
        categories = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        return Reading(
            label="unsafe",
            severity="unsafe",
            categories=categories,
            findings=self._table.findings(categories, "unsafe", self.source),
        )
