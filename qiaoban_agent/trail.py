"""Events as they may be kept: without a child's words, unless the policy keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiaoban_agent.events import Escalated, Event, Finished, Heard, Said, Weighed
from qiaoban_guards.policy import Policy
from qiaoban_guards.risk import Risk


def keeps_text(policy: Policy, consent: str) -> bool:
    """Whether the trail may hold the child's words: the policy says so, and consent where asked."""
    return policy.memory.keep_text and (bool(consent) or not policy.memory.needs_consent)


def for_trail(event: Event, *, keep_text: bool, digest: Callable[[str], str]) -> Event:
    """The event for the trail; texts are replaced by their keyed hash.

    The policy's own sentences stay: they hold nothing of the child's.
    """
    if keep_text:
        return event
    match event:
        case Heard(text=text) | Finished(text=text):
            event = event.model_copy(update={"text": "", "digest": digest(text)})
        case Said(text=text, by=by) if by != "policy":
            event = event.model_copy(update={"text": "", "digest": digest(text)})
        case Weighed(risk=risk):
            unspoken = Risk(level=risk.level, findings=_bare(risk.findings), scores=risk.scores)
            event = event.model_copy(update={"risk": unspoken})
        case Escalated(findings=findings):
            event = event.model_copy(update={"findings": _bare(findings)})
        case _:
            pass
    if isinstance(event, Finished) and event.escalation is not None:
        bare = event.escalation.model_copy(update={"findings": _bare(event.escalation.findings)})
        event = event.model_copy(update={"escalation": bare})
    return event


def _bare(findings: Any) -> Any:
    return tuple(finding.model_copy(update={"span": ""}) for finding in findings)
