"""Whose words answer the child: the policy's, curated ones, or a model's.

At the two highest levels, while a danger is open, and whenever a guard failed, no model speaks.
"""

from __future__ import annotations

from qiaoban_agent.care import Care
from qiaoban_agent.model_reply import say_model
from qiaoban_agent.turn import Turn
from qiaoban_agent.words import Speech, say_curated, say_fixed
from qiaoban_guards.policy import Response


def speak(turn: Turn, care: Care) -> Speech:
    """Answer the child; the returned turn has all that was said."""
    match turn.response:
        case Response.CRISIS:
            turn = yield from say_fixed(turn, care, "crisis")
        case Response.REDIRECT if not turn.session.risk.open:
            turn = yield from say_fixed(turn, care, "redirect")
        case _ if {"risk", "coaching"} & set(turn.degraded):
            turn = yield from say_fixed(turn, care, "degraded")
        case _ if turn.session.risk.open:
            if turn.reading.emotion.valence == "negative":
                turn = yield from say_curated(turn, care)
            else:
                turn = yield from say_fixed(turn, care, "listening")
            turn = yield from say_fixed(turn, care, "still_here")
        case _ if care.model is None or turn.degraded:
            turn = yield from say_curated(turn, care)
        case _:
            turn = yield from say_model(turn, care)
    if turn.response is Response.CAREFUL and not turn.session.risk.open:
        turn = yield from say_fixed(turn, care, "careful")
    if not turn.said:  # never silence
        turn = yield from say_fixed(turn, care, "degraded")
    return turn
