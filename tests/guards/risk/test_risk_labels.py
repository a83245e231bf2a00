"""What a label says of a message's risk."""

from __future__ import annotations

import pytest

from qiaoban_guards.batch.measure import Truth
from qiaoban_guards.risk import RiskLevel
from qiaoban_guards.risk.labels import KINDS, read_label


@pytest.mark.parametrize(
    ("label", "truth"),
    [
        (True, Truth(flagged=True)),
        (False, Truth(flagged=False)),
        ("safe", Truth(flagged=False)),
        ("none", Truth(flagged=False)),
        ("unsafe", Truth(flagged=True)),
        ("low", Truth(flagged=False)),
        ("moderate", Truth(flagged=True)),
        (" Imminent ", Truth(flagged=True)),
        ("self_harm", Truth(flagged=True, kind="self_harm")),
        ("ABUSE", Truth(flagged=True, kind="abuse")),
        ("dangerous", None),
        ("", None),
        (None, None),
        (1, None),
        (0.0, None),
    ],
)
def test_labels_are_read_or_unknown(label: object, truth: Truth | None) -> None:
    assert read_label(label, RiskLevel.MODERATE) == truth


def test_a_level_as_label_is_held_against_the_level_asked_for() -> None:
    assert read_label("moderate", RiskLevel.HIGH) == Truth(flagged=False)
    assert read_label("low", RiskLevel.LOW) == Truth(flagged=True)


def test_the_kinds_are_the_categories() -> None:
    assert len(KINDS) == 13
    assert "none" not in KINDS
