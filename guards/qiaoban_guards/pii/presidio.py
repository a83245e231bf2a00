"""These patterns as a presidio recognizer, for apps that already run presidio-analyzer."""

from __future__ import annotations

from typing import Any

from qiaoban_guards.errors import MissingExtraError
from qiaoban_guards.pii.mask import KINDS, spans
from qiaoban_guards.text import normalise


def recognizer(language: str = "zh") -> Any:
    """An EntityRecognizer whose entities are the kinds of `mask`, in upper case.

    Raises MissingExtraError where presidio-analyzer is not installed.
    """
    try:
        from presidio_analyzer import EntityRecognizer, RecognizerResult
    except ImportError as error:
        raise MissingExtraError("a presidio recognizer", "pii") from error

    class QiaobanRecognizer(EntityRecognizer):
        """Personal data in the plain form, with offsets in the original."""

        def load(self) -> None:
            """Nothing to load: the patterns are compiled with the package."""

        def analyze(self, text: str, entities: list[str], *_: Any, **__: Any) -> list[Any]:
            """The spans of the wanted entities."""
            kinds = [kind for kind in KINDS if kind.upper() in entities]
            return [
                RecognizerResult(entity_type=kind.upper(), start=start, end=end, score=0.85)
                for start, end, kind in spans(normalise(text), kinds)
            ]

    return QiaobanRecognizer(
        supported_entities=[kind.upper() for kind in KINDS],
        supported_language=language,
        name="qiaoban",
    )
