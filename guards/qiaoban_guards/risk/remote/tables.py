"""A vendor's categories in our terms, read from `tables/*.yaml`.

Vendors name harmful *content*; our taxonomy names a child in danger. The levels of a table are
therefore what the vendor's word is worth alone, beside the embedded guard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.risk.remote.verdict import Severity
from qiaoban_guards.risk.taxonomy import Category, Finding, Level, RiskLevel, Role, When, Who


class Entry(Frozen):
    """One category of a vendor; `category` null where it is no danger to a child.

    `unsafe` and `controversial` are the levels of a finding at either severity. `unsafe_from` and
    `controversial_from` are the least scores (0 to 1) at which a vendor's score counts.
    """

    category: Category | None = None
    unsafe: Level = RiskLevel.NONE
    controversial: Level = RiskLevel.NONE
    who: Who = Who.SELF
    role: Role = Role.AT_RISK
    when: When = When.NOW
    unsafe_from: float = 1.0
    controversial_from: float = 1.0
    note: str = ""

    def finding(self, severity: Severity, source: str) -> Finding | None:
        """The finding at a severity, None where there is none to make."""
        level = {"unsafe": self.unsafe, "controversial": self.controversial}.get(severity)
        if self.category is None or not level:
            return None
        return Finding(
            category=self.category,
            level=level,
            who=self.who,
            role=self.role,
            when=self.when,
            source=source,
        )


class Table(Frozen):
    """All categories of a vendor; `fallback` stands for names that are unknown or not given."""

    fallback: Entry
    categories: Mapping[str, Entry]

    @classmethod
    @lru_cache(maxsize=16)
    def shipped(cls, name: str) -> Table:
        """A table that comes with the package, read once."""
        return load(files("qiaoban_guards") / "risk" / "remote" / "tables" / f"{name}.yaml", cls)

    @classmethod
    def of(cls, table: Table | Path | None, name: str) -> Table:
        """The app's own table, a file of one, or the shipped one; DocumentError if unusable."""
        if isinstance(table, Path):
            return load(table, cls)
        return table if table is not None else cls.shipped(name)

    def findings(
        self, names: Sequence[str], severity: Severity, source: str
    ) -> tuple[Finding, ...]:
        """The findings of some vendor names at one severity; none for `safe`."""
        if severity == "safe":
            return ()
        entries = [self.categories.get(name, self.fallback) for name in names] or [self.fallback]
        found = (entry.finding(severity, source) for entry in entries)
        return tuple(finding for finding in found if finding is not None)
