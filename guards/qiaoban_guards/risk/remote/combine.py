"""The embedded guard and a remote one beside it: the worse of the two, or the embedded alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qiaoban_guards.risk.remote.base import RemoteGuard
from qiaoban_guards.risk.remote.verdict import Verdict
from qiaoban_guards.risk.taxonomy import Risk, RiskLevel
from qiaoban_guards.text import Text, normalise

Mode = Literal["worse", "remote_may_calm"]


def combine(embedded: Risk, verdict: Verdict, must: Collection[str], mode: Mode = "worse") -> Risk:
    """Weigh both guards' findings together; the level is the worse of the two.

    must: ids of embedded rules (`Finding.source`) that no remote guard may overrule.
    mode: `worse` keeps every embedded finding. `remote_may_calm` lets a remote guard that read
        the whole message as safe take away embedded findings below `high` that are no rule of
        `must`: fewer false alarms for the price of that guard's misses.

    A failed verdict takes nothing away, whatever the mode.
    """
    kept = embedded.findings
    calm = verdict.parse_ok and verdict.severity == "safe"
    if mode == "remote_may_calm" and calm:
        kept = tuple(f for f in kept if f.source in must or f.level >= RiskLevel.HIGH)
    weighed = Risk.of(kept + (verdict.risk.findings if verdict.risk is not None else ()))
    calmed = len(kept) < len(embedded.findings) and embedded.level < RiskLevel.HIGH
    level = weighed.level if calmed else max(embedded.level, weighed.level)
    return embedded.model_copy(update={"level": level, "findings": weighed.findings})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both guards say together; `failed` if one of them said nothing, `reason` why."""

    risk: Risk
    verdict: Verdict
    failed: bool = False
    reason: str = ""


class Beside:
    """Runs an embedded guard and a remote one at the same time.

    embedded: anything from a Text to a Risk, as the `assess` of the embedded guard.
    must, mode: as in `combine`.

    The remote guard's deadline is its server's. Neither method raises: of a guard that fails the
    other one's verdict stands, and the outcome says so.
    """

    def __init__(
        self,
        embedded: Callable[[Text], Risk],
        remote: RemoteGuard,
        *,
        must: Collection[str] = (),
        mode: Mode = "worse",
    ) -> None:
        self._embedded, self._remote = embedded, remote
        self._must = frozenset(must)
        self._mode: Mode = mode

    def assess(self, text: str, before: Sequence[Mapping[str, object]] = ()) -> Outcome:
        """The risk of a child's message; `before` are the messages it follows."""
        pending = self._remote.begin([*before, {"role": "user", "content": text}])
        embedded = self._assess_embedded(text)
        return self._outcome(embedded, pending.wait())

    async def aassess(self, text: str, before: Sequence[Mapping[str, object]] = ()) -> Outcome:
        """`assess` for asyncio; the embedded guard runs in the caller's thread."""
        pending = self._remote.begin([*before, {"role": "user", "content": text}])
        embedded = self._assess_embedded(text)
        return self._outcome(embedded, await pending.wait_async())

    def _assess_embedded(self, text: str) -> Risk | Exception:
        try:
            return self._embedded(normalise(text))
        except Exception as error:
            return error

    def _outcome(self, embedded: Risk | Exception, verdict: Verdict) -> Outcome:
        reasons = [] if verdict.parse_ok else [f"{self._remote.source}: {verdict.reason}"]
        if isinstance(embedded, Exception):
            reasons.append(f"embedded: {type(embedded).__name__}")
            embedded = Risk()
        return Outcome(
            risk=combine(embedded, verdict, self._must, self._mode),
            verdict=verdict,
            failed=bool(reasons),
            reason="; ".join(reasons),
        )
