"""Qwen3Guard-Gen, 0.6B to 8B, 119 languages, Chinese among them.

Wire and format: QwenLM/Qwen3Guard README and technical report (arXiv 2510.14276), figures 10, 11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from qiaoban_guards.risk.remote.answers import NoVerdictError, content, first_choice
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.server import Question
from qiaoban_guards.risk.remote.verdict import Reading, Severity

_SEVERITIES: Final[Mapping[str, Severity]] = {
    "Safe": "safe",
    "Controversial": "controversial",
    "Unsafe": "unsafe",
}
_SAFETY = re.compile(r"^Safety:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_CATEGORIES = re.compile(r"^Categories:[ \t]*(.*?)[ \t]*$", re.MULTILINE)


class Qwen3Guard(RemoteGuard):
    """Judges with context; `Controversial` stays a severity of its own."""

    name = "qwen3guard"

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One chat completion; the server renders the model's own template."""
        return [self._chat(turns, 128)]

    def read(self, _question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read the `Safety:` and `Categories:` lines; a `Refusal:` line says nothing of danger.

        `Safe` counts only together with `Categories: None`.
        """
        text = content(first_choice(answer, ("stop",)))
        label = _only(_SAFETY.findall(text), "Safety")
        if label not in _SEVERITIES:
            raise NoVerdictError("no label")
        severity = _SEVERITIES[label]
        lines: list[str] = _CATEGORIES.findall(text)
        names = [name.strip() for name in (_only(lines, "Categories") if lines else "").split(",")]
        categories = tuple(dict.fromkeys(name for name in names if name not in ("", "None")))
        if severity == "safe" and (categories or "None" not in names):
            raise NoVerdictError("safe, but not without a category")
        return Reading(
            label=label,
            severity=severity,
            categories=categories,
            findings=self._table.findings(categories, severity, self.source),
        )


def _only(found: Sequence[str], line: str) -> str:
    if len(set(found)) != 1:
        raise NoVerdictError(f"{len(found)} different {line} lines" if found else f"no {line} line")
    return found[0]
