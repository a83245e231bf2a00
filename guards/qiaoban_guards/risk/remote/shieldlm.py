"""ShieldLM (thu-coai), 6B to 14B, Chinese and English: made to judge a reply.

Format: thu-coai/ShieldLM, infer_shieldlm.py and extract_label.py. `prompts/shieldlm.yaml` asks in
short words of ours; the model was trained on the repository's instruction, which is the app's to
supply as `instruction` if its quality is to be the paper's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.risk.remote.answers import NoVerdictError, content, first_choice
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.tables import Table
from qiaoban_guards.risk.remote.verdict import Reading, Severity

_SEVERITIES: Final[Mapping[str, Severity]] = {
    "安全": "safe",
    "有争议": "controversial",
    "不安全": "unsafe",
    "safe": "safe",
    "controversial": "controversial",
    "unsafe": "unsafe",
}
_ANSWER = re.compile(
    r"^\[(?:答案|answer)\]\s*[:：]?\s*(不安全|安全|有争议|unsafe|safe|controversial)"
    r"(?=$|[\s。，；.,;\[])",
    re.IGNORECASE,
)


class _Prompt(Frozen):
    instruction: str


class ShieldLM(RemoteGuard):
    """Judges what B says to A.

    A child's message is judged as B's words after an empty A, which the model takes but was not
    made for. instruction: a YAML file with the key `instruction`; DocumentError if unusable.
    """

    name = "shieldlm"

    def __init__(
        self,
        server: Server,
        model: str,
        *,
        instruction: Path | None = None,
        table: Table | Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(server, model, table=table, extra_body=extra_body)
        shipped = files("qiaoban_guards") / "risk" / "remote" / "prompts" / "shieldlm.yaml"
        self._instruction = load(instruction or shipped, _Prompt).instruction.strip()

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One chat completion, capped where the analysis would begin."""
        judged = turns[-1]["content"]
        query = turns[-2]["content"] if turns[-1]["role"] == "assistant" else ""
        prompt = f"{self._instruction}\n\nA: {query}\nB: {judged}"
        return [self._chat([{"role": "user", "content": prompt}], 8)]

    def read(self, _question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read the label at the beginning; the cap cuts only the analysis behind it."""
        found = _ANSWER.match(content(first_choice(answer, ("stop", "length"))))
        if found is None:
            raise NoVerdictError("no label")
        label = found.group(1).lower()
        severity = _SEVERITIES[label]
        return Reading(
            label=label,
            severity=severity,
            findings=self._table.findings((), severity, self.source),
        )
