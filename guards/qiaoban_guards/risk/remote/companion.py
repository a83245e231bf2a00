"""A remote guard as one of a Companion's `risk_guards`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qiaoban_guards.risk.remote.answers import NoVerdictError
from qiaoban_guards.risk.remote.base import RemoteGuard
from qiaoban_guards.risk.taxonomy import Finding


class RiskGuard:
    """Gives a companion the findings of a remote guard beside the embedded ones.

    The companion keeps the embedded findings whatever this guard says, and marks a turn as
    degraded when it fails. Its `deadlines.guard` should be longer than the server's deadline.
    """

    def __init__(self, remote: RemoteGuard) -> None:
        self._remote = remote

    async def assess(
        self, message: str, history: Sequence[Mapping[str, object]], /
    ) -> tuple[Finding, ...]:
        """The findings in a child's message; NoVerdictError where there is no verdict.

        A failed verdict that found a danger before it failed is no error: the danger counts.
        """
        verdict = await self._remote.aassess([*history, {"role": "user", "content": message}])
        if verdict.risk is None:
            raise NoVerdictError(verdict.reason)
        return verdict.risk.findings
