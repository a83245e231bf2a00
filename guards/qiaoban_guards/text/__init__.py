"""Reading text the way a person sees it."""

from qiaoban_guards.text.digits import read_digits
from qiaoban_guards.text.normalise import Text, normalise
from qiaoban_guards.text.patterns import Hit, Pattern, expand
from qiaoban_guards.text.sentences import Sentence, has_han, split_sentences

__all__ = [
    "Hit",
    "Pattern",
    "Sentence",
    "Text",
    "expand",
    "has_han",
    "normalise",
    "read_digits",
    "split_sentences",
]
