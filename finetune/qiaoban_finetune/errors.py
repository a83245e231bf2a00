"""What may go wrong before and during training.

QiaobanError
├── CollectError    a run that collects dialogues
├── DataError       a record of a data set
├── ConfigError     a key of a run's configuration
├── EvaluationError a measurement that could not be made
└── TrainingError   the run itself
"""

from __future__ import annotations

from qiaoban_agent.errors import QiaobanError


class DataError(QiaobanError):
    """A data set cannot be used as it stands; names the file, the record and the remedy."""


class ConfigError(QiaobanError):
    """A configuration cannot be used as it stands; names the file, the key and the remedy."""


class TrainingError(QiaobanError):
    """A run stopped; says where, and what of it is kept."""


class EvaluationError(QiaobanError):
    """A measurement could not be made; says of what, and where its log is."""


class CollectError(QiaobanError):
    """Dialogues are not collected any more; says why, and that what was answered is kept."""
