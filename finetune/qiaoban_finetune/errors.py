"""What may go wrong before and during training.

QiaobanError
├── DataError       a record of a data set
├── ConfigError     a key of a run's configuration
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
