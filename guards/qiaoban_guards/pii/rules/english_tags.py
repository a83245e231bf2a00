"""Ids that platforms give out in a form of their own: tags, friend codes, numbers of players.

Sources: Supercell's player tags use 0289PYLQGRJCUV; Riot ids are a name, # and three to five
letters or digits; Nintendo's friend codes are SW and three groups of four digits, Steam's 64-bit
ids begin with 7656119 and have 17 digits.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_text import Latin

_SUPERCELL = re.compile(
    r"(?<![a-z])(?:clash|brawl|royale|supercell|coc|tags?|clan|club|hay ?day|boom beach)(?![a-z])",
    re.ASCII,
)
_RIOT = re.compile(
    r"(?<![a-z])(?:riot|valorant|val|league|lol|tft|duo|ranked|discord|disc|battle ?net|blizzard"
    r"|overwatch|ign|gamer ?tag|user ?name|add|im|i'm|i am|i'll be|ill be|friend)(?![a-z])",
    re.ASCII,
)
_SECRET = re.compile(r"(?<![a-z])(?:wi-?fi|pass\w*|pw|login|network|router|guess\w*)(?![a-z])")
_FRIEND = re.compile(
    r"(?<![a-z])(?:friend (?:code|me|id)|trainer(?: code)?|fc|pokemon|steam|switch|3ds|nintendo"
    r"|player ?id|uid|add me|game ?id)(?![a-z])",
    re.ASCII,
)
_UID = re.compile(
    r"(?<![a-z])(?:uid|genshin|hsr|star rail|honkai|wuwa|player id|friend id|game id)(?![a-z])",
    re.ASCII,
)
_OTHER = re.compile(r"(?:order|tracking|phone|call|text|ring|number is|card|aadhaa?r|gift|voucher)")


def _supercell(match: Match) -> float | None:
    around = match.before(60) + " | " + match.after(30)
    digits = len(match.number)
    if _SUPERCELL.search(around):
        return 0.94 if digits and digits < len(match.value) - 1 else None
    mixed = digits > 1 and len(match.value) - digits > 3
    return 0.85 if match.value[0] == "#" and mixed and match.typed.isupper() else None


def _riot(match: Match) -> float | None:
    tag = match.value.rpartition("#")[2]
    around = match.before(50) + " | " + match.after(30)
    if _SECRET.search(match.before(40)) or not _RIOT.search(around):
        return None
    return 0.94 if len(tag) > 2 or match.value[0].isalpha() else None


def _friend(match: Match) -> float | None:
    if _OTHER.search(match.before(20)):
        return None
    return 0.94 if _FRIEND.search(match.before(50) + " | " + match.after(20)) else None


def _uid(match: Match) -> float | None:
    if _OTHER.search(match.before(20)):
        return None
    return 0.88 if _UID.search(match.before(60) + " | " + match.after(20)) else None


def rules() -> tuple[Latin, ...]:
    """Tags and codes of players."""
    account = Kind.ACCOUNT
    return (
        Latin(
            "account.supercell",
            account,
            r"(?<![\w#&])#?[0289pylqgrjcuv]{7,10}(?!\w)",
            trigger=r"#[0289pylqgrjcuv]{7}|clash|brawl|tag",
            check=_supercell,
        ),
        Latin(
            "account.riot",
            account,
            r"(?<![\w#.@])[a-z0-9][a-z0-9._]{2,19}#[a-z0-9]{2,5}(?!\w)",
            trigger=r"[a-z0-9]#[a-z0-9]{2}",
            check=_riot,
        ),
        Latin(
            "account.switch",
            account,
            r"(?<!\w)sw[- ]?\d{4}[- ]\d{4}[- ]\d{4}(?![\w-])",
            0.96,
            trigger=r"sw[- ]?\d{4}",
        ),
        Latin(
            "account.friend_code",
            account,
            r"(?<![\w+.-])\d{3,4}[ -]\d{3,4}[ -]\d{3,4}(?![\w-]| \d)",
            trigger=r"\d[ -]\d{3,4}[ -]\d",
            check=_friend,
        ),
        Latin("account.steam", account, r"(?<!\w)7656119\d{10}(?!\w)", 0.97, trigger="7656119"),
        Latin(
            "account.player",
            account,
            r"(?<![\w.#-])\d{8,10}(?![\w.-])",
            trigger=r"\d{8}",
            check=_uid,
        ),
    )
