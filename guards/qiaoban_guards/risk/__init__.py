"""How much danger a child's message speaks of."""

from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.lexicon import Lexicon
from qiaoban_guards.risk.taxonomy import (
    Category,
    Finding,
    Level,
    Risk,
    RiskLevel,
    Role,
    When,
    Who,
)

__all__ = [
    "Category",
    "Finding",
    "Level",
    "Lexicon",
    "Risk",
    "RiskClassifier",
    "RiskLevel",
    "Role",
    "When",
    "Who",
]
