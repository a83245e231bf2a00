"""Codes of doors, gates, lockers and alarms, in the ways in which they are pressed.

"press 2204# and it clicks", "31 left 5 right 22", "the buzzer's 17#22". The number of a locker or
a gate, the time of an alarm and the code of an order are none.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_text import Latin, is_unit

_PLAIN = r"\d{3,8}[a-z]?|[a-z]\d{3,6}[a-z]?|\d[a-z]\d[a-z]"
_GROUPED = r"\d{1,2}(?:[- ]\d{1,2}){2,5}|\d(?:[- ]\d){3,7}"
_KEYED = r"[#*]\d{2,8}[#*]?|\d{2,8}[#*]|\d{1,4}#\d{1,4}"
_TURNED = (
    r"(?:left |right )?\d{1,2},? (?:left|right),? \d{1,2},? (?:left|right),? \d{1,2}(?: left"
    r"| right)?"
)
_VALUE = (
    rf"(?<![\w.#*$£€/@:+-])(?P<value>{_TURNED}|(?:hash |star |pound )?(?:{_KEYED}|{_GROUPED}"
    rf"|{_PLAIN}|\d{{2}}(?= bell))"
    r"(?: (?:hash|star|pound|bell)(?![a-z]))?)(?![\w%$€£#*@]|[-./:]\d|,\d{3})"
)
_ENTRY = (
    r"(?:front door|back door|side door|door|gate|side gate|garage|lift|elevator|lobby|alarm"
    r"|key ?pad|pad|key ?box|key ?safe|lock ?box|intercom|buzzer|buzz|locker|padlock|lock|shed"
    r"|safe|entry|entrance|building|block|stair(?:s|well|case)?|flat|gym|pool"
    r"|porch|fob|car park|downstairs|to get in|let (?:yourself|me|u|you) in)"
)
_NEAR = re.compile(rf"(?<![a-z]){_ENTRY}'?s?(?![a-z])", re.ASCII)
_LOCKED = re.compile(
    r"(?<![a-z])(?:key ?pad|pad|key ?box|key ?safe|lock ?box|intercom|buzzers?|alarm|padlock|combo"
    r"|combination|codes?|safe|gate|door|lift|garage|entry)'?s?(?![a-z])",
    re.ASCII,
)
_PRESSED = re.compile(
    r"(?<![a-z])(?:press|punch(?: in)?|type(?: in)?|buzz|dial|tap(?: in)?|enter|put(?: in)?"
    r"|key in|push"
    r"|do|hit|try|put)(?: the| in| hash| star)? $",
    re.ASCII,
)
_TOLD = re.compile(
    r"(?:(?<![a-z])(?:is|its|it's|was|has|are|to|on|now|as always|knows|code|combo|combination|says"
    r"|set on|press|do|put|with|opens with|one is|and|or|then)(?: (?:just|now|still|like"
    r"|always))?|'s"
    r"|[:=,?]) ?[\"']?$",
    re.ASCII,
)
_CODE = re.compile(
    r"(?<![a-z])(?:codes?|combo|combination|pin|press|punch|keypad|pad|unless (?:u|you)"
    r"|passcode|buzz(?:er)?|knows)(?![a-z])",
    re.ASCII,
)
_NAMED = re.compile(
    r"(?<![a-z])(?:key ?pad|(?:key |lock )box|key ?safe|gate buzzer|intercom|buzzer|alarm"
    r"|lift code|door code|gate code|locker combo|locker code|side gate|front gate"
    r"|back gate|garage(?: one| door| code)?|(?:front|back|side) door(?: code)?|lift|elevator"
    r"|shed|safe|the pad|door|gate|padlock|code to get in|codes? for (?:the |our "
    r"|my )?(?:building|block|flat|stairs?)(?: [a-z0-9]{1,3})?|entry code|building code)(?:'s)?,?"
    r"(?: (?:same as always|code|one|combo|combination|pin|is|its|it's|has|was|now|just|set on"
    r"|set to|knows|are|says|goes|opens with)){0,3}[:,?]? ?[\"']?$",
    re.ASCII,
)
_BEHIND = re.compile(
    r",? (?:at|on|in|into|for|to|opens|unlocks|gets|downstairs|by|and|then|thats it"
    rf"|(?:day|night),?)(?: [a-z']+){{0,5}}? {_ENTRY}(?![a-z])|,? (?:downstairs|day"
    rf"|night)(?![a-z])",
    re.ASCII,
)
_WAKES = re.compile(
    r"(?<![a-z])(?:wake|woke|snooz\w*|o'?clock|morning|set (?:my|an|the) alarm|rings? at|bed ?time"
    r"|(?:open|clos|shut)(?:s|es|ed)? (?:at|by|until)|year|built|goes off at|am|pm|bus|train|flight"
    r"|platform)(?![a-z])",
    re.ASCII,
)
_CLOCK = re.compile(
    r" ?(?:am|pm|a\.m|o'?clock|hours|every|in the (?:morning|evening|afternoon)|and (?:it "
    r"|i )?(?:rings?|wakes?))",
    re.ASCII,
)
_OTHER = re.compile(
    r"(?<![a-z])(?:escape room|puzzle|riddle|movie|film|(?:the|a|this|my|in) game|(?:the|this"
    r"|next) level|story|book|zelda|roblox|minecraft"
    r"|fortnite|order|tracking|gift|discount|promo|voucher|area|zip|post|country|bar|qr|dress|error"
    r"|source|morse|colou?r|friend|party|join|class(?:room)?|resident evil|silent hill"
    r"|hello neighbor|among us|ascii|balance|airtime|ussd|kahoot|meeting|zoom|cheat|creator|iphone"
    r"|ipad|phone|tablet|laptop|wi-?fi|netflix|sale|page|questions?|pin code for|quiz|worksheet"
    r"|exam|cost|price|paid|pounds|dollars)(?: (?:number|code))?(?![a-z])",
    re.ASCII,
)


def _is_year(value: str) -> bool:
    return re.fullmatch(r"(?:19|20)\d\d", value) is not None


def _code(match: Match) -> float | None:
    """Its form, what is done with it, and what it opens: two of the three, or a form of its own."""
    before, after, value = match.before(80), match.after(60), match.value
    around = before + " | " + after
    counted = is_unit(after) and not re.match(" day and| night", after)
    if counted or _WAKES.search(before[-50:]) or _CLOCK.match(after) or _OTHER.search(around):
        return None
    keyed = re.search(r"[#*]|hash|star|pound|bell", value) is not None
    turned = re.search(r"left|right", value) is not None
    if (keyed or turned) and _NEAR.search(around):
        return 0.9
    if keyed and re.search(r"(?<![a-z])(?:code|press|punch|type)", around):
        return 0.88
    if value.isdecimal() and _is_year(value) and not _CODE.search(before):
        return None
    if _PRESSED.search(before) and (_BEHIND.match(after) or _LOCKED.search(before)):
        return 0.89
    return _of_what_it_opens(match, before, after)


def _of_what_it_opens(match: Match, before: str, after: str) -> float | None:
    """Said of a lock; of a locker or a gate, where a bare number is its own, in groups."""
    grouped = re.search(r"\d[- ]\d", match.value) is not None
    if grouped and re.search(
        r"(?<![a-z])(?:locker|safe|combo|combination|padlock|gate|lock)", before
    ):
        return 0.88 if len(re.findall(r"\d+", match.value)) >= 3 else None
    if _NAMED.search(before) and not _own_number(before, match.value):
        return 0.87
    coded = _CODE.search(before) or _CODE.search(after)
    return 0.82 if coded and _NEAR.search(before + " | " + after) and _TOLD.search(before) else None


def _own_number(before: str, value: str) -> bool:
    """Gate 214, door 3: the number of the thing itself."""
    return re.search(r"(?:door|gate|lift|garage|shed|locker|elevator) $", before) is not None and (
        value.isdecimal()
    )


def rules() -> tuple[Latin, ...]:
    """What is pressed or turned to get in."""
    return (
        Latin(
            "door_code.pressed",
            Kind.DOOR_CODE,
            _VALUE,
            trigger=r"\d{3}|\d[- ]\d|[#*]\d|\d[#*]|\d bell|\d[a-z]\d|left|right|star|hash",
            check=_code,
        ),
    )
