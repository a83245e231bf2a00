"""The coaching acts of an assistant's sentence, in the terms of emotion coaching."""

from __future__ import annotations

from enum import StrEnum


class CoachingAct(StrEnum):
    """What a sentence does to a child; a sentence may do several things, or none of these."""

    NOTICE = "notice"
    LABEL = "label"
    UNDERSTAND = "understand"
    ACCEPT = "accept"
    LIMIT = "limit"
    EXPLORE = "explore"
    ADVICE = "advice"
    """A suggestion of what to do; early as long as the tracker's gate is shut."""
    DISMISS = "dismiss"
    RELATION_CLAIM = "relation_claim"
    PROMISE = "promise"
