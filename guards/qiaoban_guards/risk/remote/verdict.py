"""What a remote guard says of one message."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from qiaoban_guards.risk.taxonomy import Finding, Risk

Severity = Literal["safe", "controversial", "unsafe"]


def worst(severities: Collection[Severity]) -> Severity:
    """The gravest of some severities; `unsafe` where there are none."""
    if "unsafe" in severities or not severities:
        return "unsafe"
    return "controversial" if "controversial" in severities else "safe"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer of a guard model says; `scores` are probabilities, 0 to 1."""

    label: str
    severity: Severity
    categories: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Verdict:
    """A guard model's judgement of the last message of a conversation.

    label: the vendor's own word, empty where none could be read.
    severity: never `safe` unless a whole answer was read that says so.
    categories: the vendor's names, the unknown ones too.
    risk: the same in our terms. None where nothing could be read: an absence of judgement is not
        an absence of risk. A failed verdict has one only for a danger that was read before the
        failure. Of a reply (the last role was `assistant`) it is the danger in the reply, not the
        child's.
    scores: probabilities by vendor name, 0 to 1.
    raw: what the model wrote; it may quote the child and is therefore kept out of `repr`.
    latency: seconds of wall clock.
    parse_ok: whether a whole answer was read; `reason` says why not.
    """

    label: str
    severity: Severity
    categories: tuple[str, ...] = ()
    risk: Risk | None = None
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    raw: str = field(default="", repr=False)
    latency: float = 0.0
    parse_ok: bool = True
    reason: str = ""

    @classmethod
    def failed(cls, reason: str, *, raw: str = "", latency: float = 0.0) -> Verdict:
        """No judgement: counts as unsafe for whoever looks at nothing but the severity."""
        return cls(
            label="",
            severity="unsafe",
            raw=raw,
            latency=latency,
            parse_ok=False,
            reason=reason,
        )
