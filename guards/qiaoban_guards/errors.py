"""Errors of the guards.

QiaobanError
├── DocumentError      a YAML file (policy, lexicon, content) that cannot be used
└── MissingExtraError  an optional part is not installed; the text says what to install
"""

from __future__ import annotations


class QiaobanError(Exception):
    """Anything this project raises on purpose."""


class DocumentError(QiaobanError):
    """A YAML document that cannot be used; the text names file, line, column, key and remedy."""

    def __init__(
        self, problem: str, *, source: str, line: int = 0, column: int = 0, key: str = ""
    ) -> None:
        self.problem, self.source, self.key = problem, source, key
        self.line, self.column = line, column
        place = f"{source}:{line}:{column}" if line else source
        super().__init__(f"{place}: {f'{key}: ' if key else ''}{problem}")


class MissingExtraError(QiaobanError, ImportError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an extra: pip install "qiaoban-agent[{extra}]"')
