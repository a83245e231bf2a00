"""What a language model is told in a turn: the frame, the stage, and what is known."""

from __future__ import annotations

from collections.abc import Sequence

from qiaoban_agent.coaching.content import Content
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import Coaching
from qiaoban_agent.models.base import Message


def messages_for(
    content: Content, coaching: Coaching, history: Sequence[Message], *, careful: bool
) -> list[Message]:
    """The messages a model is given: one system message, then the conversation."""
    prompts = content.prompts
    told = [prompts.system, prompts.stages[coaching.stage]]
    if careful:
        told.append(prompts.careful)
    if coaching.emotion is not Emotion.NONE:
        told.append(prompts.known["emotion"] + prompts.emotions[coaching.emotion])
    return [Message(role="system", content="\n".join(told)), *history]
