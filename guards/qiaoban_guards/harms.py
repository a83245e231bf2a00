"""The kinds of harm that a companion's reply can do to a child."""

from __future__ import annotations

from enum import StrEnum


class Harm(StrEnum):
    """What a reply may do; the names are those of child protection where it has one."""

    VICTIM_BLAMING = "victim_blaming"
    SECRECY = "secrecy"
    UNSAFE_ADVICE = "unsafe_advice"
    UNDERMINING_HELP = "undermining_help"
    MINIMISING = "minimising"
    METHODS = "methods"
    ENCOURAGEMENT = "encouragement"
    DIAGNOSIS = "diagnosis"
    SEXUAL = "sexual"
    ROMANCE = "romance"
    IDENTITY_CLAIM = "identity_claim"
    GUILT = "guilt"
    DEPENDENCY = "dependency"
    CONTACT_EXCHANGE = "contact_exchange"
    PERSONAL_DATA = "personal_data"
    FALSE_PROMISE = "false_promise"
    INSULT = "insult"
    SUBSTANCES = "substances"
    DIETING = "dieting"
    RUNAWAY = "runaway"
    MONEY = "money"
    PROMPT_LEAK = "prompt_leak"
    RISK_IGNORED = "risk_ignored"
