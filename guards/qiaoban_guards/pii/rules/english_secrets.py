"""Passwords and door codes that English says are ones: "the code for the front door is 4821"."""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule
from qiaoban_guards.pii.rules.english_text import (
    Cued,
    Span,
    goes_on,
    is_common,
    is_unit,
    words_after,
)

_KEY = r"(?:passwords?|passcode|pass ?word|pass(?= ?(?:is|:|=))|pwd?|pw|pin)"
_GAME = re.compile(
    r"(?:minecraft|roblox|fortnite|game|escape room|puzzle|movie|film|story|book|level|riddle"
    r"|homework"
    r"|quiz|zelda|cartoon|in class|for example)"
)
_DOOR = (
    r"(?:door|gate|lift|elevator|alarm|safe|garage|building|entry|entrance|lobby|keypad|lock ?box"
    r"|key ?box|intercom|locker|padlock|lock|key ?safe|burglar alarm|shed)"
)
_CODE = r"(?:access |entry |security |pass|key)?(?:code|pin|password|passcode|combination|combo)"
_NUMBER = r"(?<!\w)[#*]?(?:[a-z]{1,2})?\d[\da-z]*(?:[ -]\d+)*[a-z]?[#*]?(?!\w)"
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh")
_SIGNS = ".,;!?)\"'，。！？；”"


def _value(match: Match, number: re.Pattern[str]) -> tuple[int, int] | None:
    """The value at the end of the cue: a number in groups, or one run without a space."""
    plain, start = match.reading.plain, match.end
    quote = plain[start : start + 1]
    if quote and quote in "\"'`“「":
        closing = plain.find({"“": "”", "「": "」"}.get(quote, quote), start + 1, start + 42)
        return (start + 1, closing) if closing > start + 1 else None
    if grouped := number.match(plain, start):
        return grouped.span()
    run = re.compile(r"[!-~\u00df-\u024f]{2,40}").match(plain, start)
    if run is None:
        return None
    value = run[0].rstrip(_SIGNS)
    if run[0].endswith("!") and re.search(r"\d!", run[0]):
        value = run[0]  # hunter2! is one
    return (start, start + len(value)) if len(value) > 1 else None


_GROUPED = re.compile(r"\d{2,6}(?:[ -]\d{2,6})+(?![\w])|\d{3,20}(?![!-~])", re.ASCII)


_MEASURED = re.compile(r"\d+(?:[kmg]b(?:ps)?|[kmg]?hz|g|k|%)", re.ASCII)
_OWN_NUMBER = re.compile(
    r"(?:locker|gate|building|lift|elevator)(?:'?s)?(?: is| was|:)? $", re.ASCII
)
_NUMBERED = re.compile(rf"(?:\d|double|triple|{'|'.join(_UNITS)}) $", re.ASCII)
POSTAL = re.compile(r"pin ?code (?:for|of|in) (?!(?:my|the|our|his|her) )", re.ASCII)


def _password(match: Match) -> Span | None:
    if POSTAL.search(match.match[0]):
        return None  # what Indian post offices have
    found = _value(match, _GROUPED)
    if found is None:
        return None
    start, end = found
    value = match.reading.plain[start:end]
    if _MEASURED.fullmatch(value):
        return None
    if start > match.end:
        return start, end, 0.9  # in quotation marks
    if any(c.isdigit() for c in value):
        return (start, end, 0.92) if len(value) > 2 else None
    words = words_after(match.reading, start)
    if not match.match["says"] or not words or is_common(words[0]):
        return None
    if re.search(r"[^a-z]", value) or re.search(r"[a-z][A-Z]", words[0].typed):
        return start, end, 0.85
    return (start, end, 0.75) if goes_on(words, 1) and len(value) > 3 else None


def _door(match: Match) -> float | None:
    numbered = len(match.number) <= 3 and _OWN_NUMBER.search(match.before(20))
    if numbered or _NUMBERED.search(match.before(8)):
        return None
    around = match.before(60) + match.after(30)
    if _GAME.search(around) or len(match.number) < 3 or is_unit(match.after(14)):
        return None
    return 0.93


def rules() -> tuple[Rule, ...]:
    """What opens an account, a phone, the wifi or a door."""
    says = r"(?:'?s| ?(?:is|was|are|:|=|：)| to)"
    wifi = r"(?:wi-?fi|internet|router)"
    return (
        Cued(
            "password.english",
            Kind.PASSWORD,
            rf"(?<![a-z])(?:{_KEY}|{wifi} (?:code|key|pass)|{wifi}(?= is|:)|(?:phone|ipad"
            rf"|tablet|unlock"
            rf"|screen|laptop|computer|lock screen) (?:code|pin))"
            rf"(?: (?:number|code))?"
            rf"(?: (?:for|to|of|on) (?:my |the |our |his |her |mum's |mom's |dad's )?[a-z]+"
            rf"(?: [a-z]+)?)?"
            rf"(?P<says>(?: ?(?:is|was|:|=|：|are)| is called))?(?: (?:now|still|just|actually))?"
            rf"(?: |(?<=[:=：]))",
            trigger=r"pass|pwd?|pin|wi-?fi|internet|router|code",
            span=_password,
        ),
        Rule(
            "password.used",
            Kind.PASSWORD,
            r"(?<![a-z])us(?:e|ed|ing) (?P<value>(?=[a-z]*[0-9!@#$%_*])[!-~]{5,30})"
            r" (?:for|as) (?:everything|all|every|my (?:password|pw|login))",
            trigger=r"us(?:e|ed|ing) ",
            score=0.8,
        ),
        Rule(
            "door_code.typed",
            Kind.DOOR_CODE,
            rf"(?<![a-z])(?:punch|type|press|enter|key|put|dial)(?: in)?(?: the code)? "
            rf"(?P<value>{_NUMBER})"
            rf" (?:at|on|in|into|for|to open) (?:the |our |my )(?:[a-z]+ )?{_DOOR}",
            trigger=_DOOR,
            check=_door,
        ),
        Rule(
            "door_code.named",
            Kind.DOOR_CODE,
            rf"(?<![a-z]){_DOOR}(?:'s)?(?: {_CODE})?(?: (?:for|to|at|of) (?:our|my|the) [a-z]+"
            rf"(?: door)?)?"
            rf"{says} ?(?:just |now |still )?(?P<value>{_NUMBER})",
            trigger=_DOOR,
            check=_door,
        ),
        Rule(
            "door_code.bare",
            Kind.DOOR_CODE,
            rf"(?<![a-z]){_DOOR} {_CODE}(?: number)?[ ,]{{1,2}}(?P<value>{_NUMBER})",
            trigger=_DOOR,
            check=_door,
        ),
        Rule(
            "door_code.of",
            Kind.DOOR_CODE,
            rf"(?<![a-z]){_CODE}(?: number)? (?:for|to|of|on|at) (?:(?:get into|open|unlock"
            rf"|enter) )?"
            rf"(?:my |our |the |his |her |their |dad's |mum's |mom's |grandma's |nan's )?"
            rf"(?:[a-z]+ ){{0,2}}{_DOOR}{says} ?(?:just |now |still )?(?P<value>{_NUMBER})",
            trigger=_DOOR,
            check=_door,
        ),
        Rule(
            "door_code.then",
            Kind.DOOR_CODE,
            rf"(?<![\w.])(?P<value>{_NUMBER}) (?:is|opens|unlocks|on|for|to open) "
            rf"(?:(?:the |our |my )?{_CODE} (?:for|to|of|on) )?(?:the |our |my )"
            rf"(?:[a-z]+ )?{_DOOR}",
            trigger=_DOOR,
            check=_door,
        ),
    )
