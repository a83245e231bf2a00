"""Guard models that a policy's output rules name, as guards of a turn."""

from __future__ import annotations

from collections.abc import Iterator

from qiaoban_agent.care import OutputGuard
from qiaoban_guards.output.guard_model import GuardModel
from qiaoban_guards.policy import Policy
from qiaoban_guards.policy.output import GuardModelRule


def guards_of(policy: Policy) -> Iterator[OutputGuard]:
    """A guard for each rule of kind `guard_model`."""
    for rule in policy.output.rules:
        if isinstance(rule, GuardModelRule):
            yield GuardModel(rule, policy.deadlines.guard)
