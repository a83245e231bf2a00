"""Errors of the companion. Inside a turn nothing is raised; these are for the app's own misuse.

QiaobanError
├── DocumentError      a policy, lexicon or content file that cannot be used
├── MisuseError        a call that cannot be meant (a message that is no text, a nameless session)
│   └── ModelError     a model that cannot be used: an unknown name, or no `generate`
├── SessionBusyError   the previous turn of the session was never finished
└── MissingExtraError  an optional part is not installed; the text says what to install
"""

from __future__ import annotations

from qiaoban_guards.errors import DocumentError, MissingExtraError, QiaobanError

__all__ = [
    "DocumentError",
    "MissingExtraError",
    "MisuseError",
    "ModelError",
    "QiaobanError",
    "SessionBusyError",
]


class MisuseError(QiaobanError):
    """The app called the companion in a way that cannot be meant."""


class ModelError(MisuseError):
    """The model that was given cannot be used."""


class SessionBusyError(QiaobanError):
    """The session's previous turn is still running; read its stream to the end or close it."""
