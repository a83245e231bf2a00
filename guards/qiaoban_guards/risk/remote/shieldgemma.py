"""ShieldGemma, 2B to 27B, English: one question per guideline, answered with Yes or No.

Format: Google's ShieldGemma model card. `prompts/shieldgemma.yaml` says the same in short words
of ours. The model was trained on the card's full wording, which is the app's to supply as a file
of the same form if its scores are to be the card's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.risk.remote.answers import (
    NoVerdictError,
    as_list,
    as_number,
    as_object,
    first_choice,
)
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.logprobs import probability
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.tables import Table
from qiaoban_guards.risk.remote.verdict import Reading


class _Form(Frozen):
    """The prompt for one role; `{child}`, `{reply}` and `{guideline}` are filled in."""

    prompt: str
    guidelines: Mapping[str, str]


class Guidelines(Frozen):
    """What ShieldGemma is asked of a child's message (`user`) and of a reply (`assistant`)."""

    user: _Form
    assistant: _Form


class ShieldGemma(RemoteGuard):
    """Judges the last message; a score from `threshold` (0 to 1) on is a violation.

    guidelines: a YAML file of the form of `prompts/shieldgemma.yaml`; DocumentError if unusable.
    """

    name = "shieldgemma"

    def __init__(
        self,
        server: Server,
        model: str,
        *,
        guidelines: Path | None = None,
        threshold: float = 0.5,
        table: Table | Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(server, model, table=table, extra_body=extra_body)
        shipped = files("qiaoban_guards") / "risk" / "remote" / "prompts" / "shieldgemma.yaml"
        self._guidelines = load(guidelines or shipped, Guidelines)
        self._threshold = threshold

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One completion of one token per guideline."""
        reply = turns[-1]["content"] if turns[-1]["role"] == "assistant" else ""
        child = turns[-2 if reply else -1]["content"]
        form = self._guidelines.assistant if reply else self._guidelines.user
        return [
            Question(
                "completions",
                {
                    "model": self._model,
                    "prompt": _filled(form.prompt, child=child, reply=reply, guideline=guideline),
                    "max_tokens": 1,
                    "temperature": 0,
                    "logprobs": 20,
                    **self._extra(),
                },
                about=name,
            )
            for name, guideline in form.guidelines.items()
        ]

    def read(self, question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Weigh Yes against No at the first token; the cap of one token cuts harmlessly."""
        choice = first_choice(answer, ("stop", "length"))
        logprobs = as_object(choice.get("logprobs"), "logprobs")
        places = as_list(logprobs.get("top_logprobs"), "top_logprobs")
        if not places:
            raise NoVerdictError("no log-probabilities")
        first = as_object(places[0], "log-probabilities")
        pairs = [(token, as_number(value, "a log-probability")) for token, value in first.items()]
        score = probability(pairs, "Yes", "No")
        if score < self._threshold:
            return Reading(label="No", severity="safe", scores={question.about: score})
        return Reading(
            label="Yes",
            severity="unsafe",
            categories=(question.about,),
            findings=self._table.findings((question.about,), "unsafe", self.source),
            scores={question.about: score},
        )


def _filled(prompt: str, **parts: str) -> str:
    """Fill in all at once, so that braces in a child's words are only braces."""
    pieces = prompt.split("{")
    filled = pieces[0]
    for piece in pieces[1:]:
        key, closed, rest = piece.partition("}")
        filled += parts[key] + rest if closed and key in parts else "{" + piece
    return filled
