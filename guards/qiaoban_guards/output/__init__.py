"""What a companion may say: rules, and the gate that holds a stream until they are met."""

from qiaoban_guards.output.gate import Segmenter, is_complete
from qiaoban_guards.output.rules import OutputRules, Spoken, Verdict

__all__ = ["OutputRules", "Segmenter", "Spoken", "Verdict", "is_complete"]
