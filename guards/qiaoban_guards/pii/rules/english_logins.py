"""Passwords that English says are ones in other words: what a service, a device or a network has.

"netflix is …", "the router says …", "he guessed …", "changed it from … to …", "mine opens with …".
What is said to be one must be shaped like one: letters with digits or signs, capitals inside, or on
devices the digits of a PIN.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_handles import PLATFORM
from qiaoban_guards.pii.rules.english_text import Latin, is_common, is_unit, words_after

_VALUE = r"(?<![!-~])[\"'(]?(?P<value>[!-~]{3,30}[a-z0-9!#$%&*?_+])(?![a-z0-9@#$&*_+])"
_PIN = r"(?<![\w.#$£€/@-])(?P<value>\d{4,8}|\d(?:-\d){3,7})(?![\w%$€£]|[-./:,]\d| \d)"
_SERVICE = (
    r"(?:netflix|disney(?: plus|\+)?|hulu|prime|amazon|apple id|icloud|google|gmail|spotify|vpn"
    r"|wi-?fi|internet|network|router|hotspot|modem|laptop|computer|pc|mac(?:book)?|chromebook"
    r"|ipad|iphone|phone|tablet|kindle|school (?:account|login|portal|email)|classroom|teams"
    r"|portal|parental controls?|screen ?time|roblox|minecraft|insta(?:gram)?|snap(?:chat)?"
    r"|tik ?tok|discord|steam|xbox|fortnite|youtube|facebook|email|mine|everything)"
)
_NAMED = re.compile(
    r"(?<![a-z])(?:passwords?|passcode|passw\w*|pass|pw|pwd|log ?(?:in|on)|logged|sign(?:ed)? in)"
    r"(?![a-z])",
    re.ASCII,
)
_SERVED = re.compile(rf"(?<![a-z]){_SERVICE}'?s?(?![a-z])", re.ASCII)
_EQUATED = re.compile(
    r"(?<![a-z])(?:(?:is|its|it's|was|are|says|opens (?:with|up with)|unlocks with|to open is"
    r"|wants|needs|to|to be|from|and then|then|as|typed?(?: in)?|type in|enter(?:ed)?|put|use[sd]?"
    r"|with|guess(?:ed)?|tried|knows|knew|did|capitals?|caps|now|swear its|so|just)"
    r"(?: (?:just|still|like|always|now|literally|capital|caps|called))?|[:=,/]) ?[\"'(]?$"
    r"|[:=,/?] ?[\"'(]?$|[a-z]'s [\"'(]?$|(?<![a-z])wi-?fis [\"'(]?$",
    re.ASCII,
)
_CHANGED = re.compile(
    r"(?<![a-z])(?:chang(?:ed?|ing)|switch(?:ed)?|set|made|reset)[a-z' ]{0,30} "
    r"(?:from|to|(?P<both>from [!-~]{4,30} to))(?: just)? [\"']?$",
    re.ASCII,
)
_GUESSED = re.compile(
    r"(?<![a-z])(?:guess(?:ed|es)?|cracked|figured out|hacked|typed(?: in)?|logged in with"
    r"|(?:give|gave|told|sent|tell|send) (?:him|her|them|u|you|it to [a-z]+)|log in with"
    r"|signed in with|type in|it was|told [a-z]+)"
    r"(?: it was| that it was)? [\"']?$",
    re.ASCII,
)
_WORKS = re.compile(
    rf"[!\"',.)]{{0,2}},? (?:(?:is|thats|that's|its|it's|works|unlocks|opens|gets|still|was)"
    rf"(?: (?:how|what|in|into|me into|still|also))?|for) (?:for |on |into )?"
    rf"(?:(?:the|my|our|his|her|mums|moms|dads) )?(?:[a-z]+ )?{_SERVICE}(?![a-z])"
    r"(?! (?:user|name|tag|id|acc|handle|one is))"
    r"|[!\"',.)]{0,2} (?:(?:doesnt|doesn't|didnt|still|don't|dont) (?:even )?work|caps [a-z]"
    r"|all caps"
    r"|thats (?:the|my|our) (?:wi-?fi|password|pw)|is weak)",
    re.ASCII,
)
_AFTER_LOGIN = re.compile(
    r"(?<![a-z])(?:user ?name|user|log ?(?:in|on)|email|gmail|sign in|account)[^.?!\n]{0,60}"
    r"(?: and then| then|,| /| and(?: the)? (?:pass|pw|word)(?:word)?(?: is)?)"
    r" ?[\"']?$",
    re.ASCII,
)
_NOTHING = re.compile(
    r"(?:https?|www)|[!-~]*\.(?:com|net|org|pdf|jpe?g|png|docx?)|\d+(?:st|nd|rd|th|am|pm|k|x|%"
    r"|gb|mb"
    r"|tb|kg|cm|mm|fps|hz|mah|mp|p|inch|hrs?|mins?|h|s|m)?[!?.]*|[a-z]+'[a-z]+|[$£€].*|.*[:;,/]$"
    r"|[a-z]{1,2}\d{1,2}|(?:i?phone|ipad|ps|xbox|mp|windows|galaxy|pixel|fifa|gta|covid|year|grade"
    r"|level|lvl|room|season|wpa|ios|gen|pro|air|s|a|x|v|year|class|unit|version)-?\d+\w{0,3}[!?.]*"
    r"|[a-z]+[!?.,]+[a-z]*[!?.]*|[a-z]+[-/'][a-z]+[!?.]*|[!-/:-@]+|\w+@\w+\.\w+|\d+[-/.:]\d+.*"
    r"|#[a-z0-9]+|<3.*|[a-z]+\*+[a-z]*|[0-9x+*=/.-]+|w/\w+|@[\w.]+",
    re.ASCII,
)
_UNSURE = re.compile(
    r"(?<![a-z])(?:puzzle|escape room|riddle|movie|in the (?:game|story|book)|worksheet"
    r"|for example|model|version|serial|order|tracking|plate|flight|booking)(?![a-z])",
    re.ASCII,
)
_ASKED = re.compile(r" (?:an? |good|bad|strong|weak enough|safe|ok(?:ay)? (?:for|as))", re.ASCII)
_PAIRED = re.compile(r"(?: and then | / ?| and (?:the )?(?:pass|pw|the word))(?=\S)", re.ASCII)
_AS = re.compile(
    r"(?:sign|log|signed|logged)(?: |-)?in as $|(?:user ?name|user|handle|add me|follow)"
    r"(?: is|'s|:)? $",
    re.ASCII,
)
_PLATFORM_BEHIND = re.compile(rf" on (?:my )?{PLATFORM}(?![a-z])", re.ASCII)
_STRONG = re.compile(r"(?=.*[a-z])(?=.*\d)(?=.*[!@$%&*?][a-z0-9]).{7,}", re.ASCII)
_PIN_CUE = re.compile(
    r"(?<![a-z])(?:(?:i?pads?|i?phones?|tablets?|laptops?|computers?|chromebooks?|kindle|screen"
    r"|screen ?time|pattern|watch)(?:'?s)?(?: (?:code|pin|passcode|lock|password))?"
    r"(?: (?:no longer|now))?,?(?: (?:wants|needs|takes))? ?(?:is|its|it's|was|opens (?:up )?with"
    r"|unlocks with|with|:|=|says|wants|needs|goes|to)(?: (?:now|just|still|always))?|"
    r"code (?:the |my |his |her )?(?:i?phone|i?pad|tablet|laptop)[a-z ]{0,12} is|(?:type|enter"
    r"|put|press)(?: in)?) $",
    re.ASCII,
)
_PIN_BEHIND = re.compile(
    r" (?:on|in|into|for|to open|opens|unlocks|gets into) (?:the |my |his |her |our |mums "
    r"|moms |dads )?"
    r"(?:[a-z]+ )?(?:i?pads?|i?phones?|tablet|laptop|computer|chromebook|kindle|screen)(?![a-z])",
    re.ASCII,
)
_DEVICE = re.compile(r"(?:i?pad|i?phone|tablet|laptop|computer|chromebook|kindle|screen|watch)")
_HOME = re.compile(
    r"(?:home|house|work|office|land ?line|new|cell|mobile) (?:phone|line)|number", re.ASCII
)
_HYPHENED = re.compile(r"[a-z]{3,}(?:-[a-z]{3,})+(?:-\d+)?", re.ASCII)
_YEAR = re.compile(r"(?:19|20)\d\d", re.ASCII)


_OWN_ONLY = re.compile(
    r"(?<![a-z])(?:netflix|disney|hulu|prime|wi-?fi|internet|network|router|hotspot|modem|laptop"
    r"|computer|chromebook|i?pad|vpn|tablet|screen ?time|portal|phone|everything)"
    r"(?:'?s)?(?![a-z])",
    re.ASCII,
)
_ADJACENT = re.compile(
    r"(?<![a-z])(?:wi-?fi(?:s| at [a-z' ]{2,16})?|(?:roblox|minecraft|fortnite|insta|snap) one is"
    r"|login its|login is(?: just)?|log ?on is|capital|guessed|pass"
    r"|passcode|pw|pwd|same for everything) $",
    re.ASCII,
)


def is_shaped(match: Match) -> bool:
    """Letters with digits or signs, or capitals inside; no measure, model or file."""
    value = match.value
    if _NOTHING.fullmatch(value) or not re.search(r"[a-z]", value):
        return False
    if re.search(r"[a-z].*\d|\d.*[a-z]|[a-z][!@#$%&*_+=?<][a-z0-9]", value):
        return len(value) > 4
    return re.search(r"[a-z][A-Z]", match.typed) is not None and len(value) > 6


def _is_no_word(match: Match) -> bool:
    words = words_after(match.reading, match.start)
    return bool(words) and not (is_common(words[0]) and words[0].end >= match.end)


def _secret(match: Match) -> float | None:
    """What is equated with a service, guessed, changed to, or said to open one."""
    shaped = is_shaped(match)
    if not shaped and _HYPHENED.fullmatch(match.value) is None:
        return None
    if _UNSURE.search(match.before(80)) or not _is_no_word(match):
        return None
    if _ASKED.match(match.after(20)) or _PAIRED.match(match.after(20)):
        return None
    before = match.before(80)
    if _AS.search(before) or _PLATFORM_BEHIND.match(match.after(24)):
        return None
    if not shaped:
        return _hyphened(match, before)
    if _CHANGED.search(before) or (_AFTER_LOGIN.search(before) and "@" not in match.value[:1]):
        return 0.93
    if _WORKS.match(match.after(60)):
        return 0.93
    if not (_EQUATED.search(before) or _GUESSED.search(before)):
        return 0.9 if _ADJACENT.search(before) else None
    if _GUESSED.search(before):
        return 0.91
    if _STRONG.fullmatch(match.value):
        return 0.9
    named = _NAMED.search(before) or _NAMED.search(match.after(30))
    return 0.91 if named or _last_service(before) else None


def _last_service(before: str) -> bool:
    """Whether a service that has passwords but no handles was named, and no platform behind it."""
    return _OWN_ONLY.search(before[-60:]) is not None or _ADJACENT.search(before) is not None


def _hyphened(match: Match, before: str) -> float | None:
    """Words with hyphens between them, as schools give them out: purple-otter-44."""
    said = _AFTER_LOGIN.search(before) or (_NAMED.search(before[-30:]) and _EQUATED.search(before))
    typed = re.search(r"(?<![a-z])types?(?: in)? $", before) and _WORKS.match(match.after(40))
    return 0.9 if said or typed else None


def _pin(match: Match) -> float | None:
    """Digits that open a device."""
    after, before = match.after(40), match.before(60)
    if is_unit(after) or _UNSURE.search(before):
        return None
    year = _YEAR.fullmatch(match.value) and not re.search(r"code|pin|opens|unlock", before)
    if year:
        return None
    if _HOME.search(before):
        return None
    if _PIN_BEHIND.match(after):
        return 0.9
    cue = _PIN_CUE.search(before)
    return 0.9 if cue and _DEVICE.search(before[-40:]) else _patterned(before)


def _patterned(before: str) -> float | None:
    said = re.search(
        r"(?:phone|screen) (?:pattern|lock|pin|code)[a-z ]{0,20},? (?:its|it's|is|now) $", before
    )
    return 0.9 if said else None


def rules() -> tuple[Latin, ...]:
    """Passwords told by their form and what is said of them; PINs of devices."""
    return (
        Latin("password.of_service", Kind.PASSWORD, _VALUE, trigger=r"[a-z]", check=_secret),
        Latin("password.pin", Kind.PASSWORD, _PIN, trigger=r"\d{4}|\d-\d-\d", check=_pin),
    )
