"""What a label says of a message's risk."""

from __future__ import annotations

from qiaoban_guards.batch.measure import Truth
from qiaoban_guards.risk.taxonomy import Category, RiskLevel

KINDS = tuple(str(category) for category in Category)


def read_label(label: object, flag_from: RiskLevel) -> Truth | None:
    """What a label says, None if it is not known.

    Known are true and false, `safe` and `unsafe`, the levels (flagged from `flag_from` on) and the
    categories.
    """
    if isinstance(label, bool):
        return Truth(label)
    name = label.strip().lower() if isinstance(label, str) else ""
    if name in ("safe", "unsafe"):
        return Truth(name == "unsafe")
    for level in RiskLevel:
        if name == level.label:
            return Truth(level >= flag_from and level > RiskLevel.NONE)
    return Truth(flagged=True, kind=name) if name in KINDS else None
