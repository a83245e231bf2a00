"""What a companion may say: rules, and the gate that holds a stream until they are met."""

from qiaoban_guards.output.classifier import ReplyClassifier
from qiaoban_guards.output.gate import Segmenter, is_complete
from qiaoban_guards.output.passage import Broken, Spoken, Verdict
from qiaoban_guards.output.reply import ReplyJudge
from qiaoban_guards.output.rules import OutputRules

__all__ = [
    "Broken",
    "OutputRules",
    "ReplyClassifier",
    "ReplyJudge",
    "Segmenter",
    "Spoken",
    "Verdict",
    "is_complete",
]
