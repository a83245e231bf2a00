"""English rules for what is recognised by its form: numbers, ids and secrets."""

from __future__ import annotations

from qiaoban_guards.pii.rule import Rule
from qiaoban_guards.pii.rules import (
    english_accounts,
    english_codes,
    english_handles,
    english_ids,
    english_logins,
    english_mails,
    english_papers,
    english_phones,
    english_plates,
    english_read_out,
    english_secrets,
    english_tags,
    english_topics,
)


def rules() -> tuple[Rule, ...]:
    """Phones, identity numbers, passports, plates, passwords, door codes, accounts."""
    themes = (
        english_mails,
        english_phones,
        english_read_out,
        english_ids,
        english_secrets,
        english_accounts,
        english_handles,
        english_tags,
        english_topics,
        english_logins,
        english_codes,
        english_papers,
        english_plates,
    )
    return tuple(rule for theme in themes for rule in theme.rules())
