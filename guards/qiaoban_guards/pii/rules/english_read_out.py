"""Numbers that are read out: "oh seven double one, 402", "4 4 0 9", "0803 then 555".

What such a number is depends on how many digits it has and on what stands around it: a telephone,
what opens a door or a tablet, a number that a state gave. Counting, tables, scores and lists of
pages are read out as well, and are nothing of anybody's.
"""

from __future__ import annotations

import re
from itertools import pairwise

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_phones import is_called, is_personal
from qiaoban_guards.pii.rules.english_text import Latin, has_word, is_unit

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {
    **{word: digit for digit, word in enumerate(_NAMES)},
    **dict.fromkeys(("oh", "o", "nought", "naught", "nil"), 0),
}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_WORD = r"(?:zero|nought|naught|nil|oh|one|two|three|four|five|six|seven|eight|nine|o)"
_ATOM = (
    rf"(?>(?:(?:double|triple|treble)[ -]?)?(?:\d++|{_WORD}(?={_WORD}|[^a-z]"
    rf"|$)(?: hundred(?![a-z]))?))"
)
_GAP = r"(?>(?:,? (?:and )?then |,? ?(?:dash|space|hyphen)(?= )| ?[-.,\u2010-\u2013] ?| )? ?)"
_RUN = (
    rf"(?<![\w.$£€#/@+*-])(?<!\d[ ,])(?P<value>(?:plus |\+|(?:hash|star"
    rf"|pound) )?{_ATOM}(?:{_GAP}{_ATOM}){{1,24}}+"
    rf"(?:{_GAP}(?:star|hash|pound)(?![a-z])|,? ext(?:ension)?\.? ?\d{{1,4}})?)(?![\w$€%]|[-./:]\d)"
)
_PIECE = re.compile(rf"(?:(double|triple|treble)[ -]?)?(\d+|{_WORD})( hundred)?", re.ASCII)
_EXTENSION = re.compile(r" ext(?:ension)?\.? ?\d{1,4}$")
_SPOKEN = re.compile(rf"(?<![a-z])(?:{_WORD}|then|dash|space|hyphen)", re.ASCII)
_KEYS = re.compile(r"(?:star|hash|pound)(?![a-z])", re.ASCII)
_SINGLE = re.compile(r"(?<!\d)\d(?!\d)", re.ASCII)
_COUNTED = re.compile(
    r"(?<![a-z])(?:count(?:s|ed|ing|down)?|tables?|times|multipl\w*|scores?d?|won|lost|pages?"
    r"|chapters?|verses?|psalm|lottery|lotto|bingo|raffle|dice|rolled|sequence|pattern|fibonacci"
    r"|primes?|odds?|evens?|binary|pi|sums?|maths?|worksheet|sudoku|steps?|beats?|dance|bpm|buckle"
    r"|blast ?off|ages?|aged|sizes?|levels?|questions?|spelling|order|tracking|average"
    r"|add(?:ed)? up"
    r"|digits of|point|ready or not|potato|song|rhyme|channels?|buses|periods?|lessons?|rooms?"
    r"|seats?"
    r"|squares?|coordinates|temperatures?|marks|quiz|points|goals|minus|equals|divided)(?![a-z])",
    re.ASCII,
)
_EDGED = re.compile(r"^(?:one|o|oh|two|four)[ ,]+[\d -]+$|^[\d -]+[ ,](?:one|o|oh|two|four)$")
_STATE = (
    ("aadhaar", re.compile(r"aad?h?aa?r", re.ASCII), {12}),
    ("nin", re.compile(r"(?<![a-z])nin(?![a-z])|national id", re.ASCII), {11}),
    ("social", re.compile(r"(?<![a-z])(?:ssn|sin)(?![a-z])|social (?:sec|ins)", re.ASCII), {9}),
    ("health", re.compile(r"(?<![a-z])nhs(?![a-z])", re.ASCII), {10}),
)
_DEVICE = re.compile(
    r"(?<![a-z])(?:ipads?|iphones?|tablets?|phones?|laptops?|computers?|chromebooks?|pcs?|screen"
    r"|mobile|wi-?fi|kindle|tv|netflix|pin|passcode|password)(?:'?s)?(?![a-z])",
    re.ASCII,
)
_OPENS = re.compile(
    r"(?<![a-z])(?:is|its|it's|was|opens?(?: with| up)?|code|pin|unlocks?|wants|press|type|enter"
    r"|do|tap|put(?: in)?|dial|buzz|push|punch(?: in)?|key in|says|needs)[ :,]{0,2}"
    r"(?:is |just |in )?$",
    re.ASCII,
)
_OWNED = re.compile(
    r"[,.?! ]{0,3}(?:is |thats |that's |it'?s )?(?:my|mine|me|his|her|our|the|text|call|ring|said"
    r"|if|she|he)(?![a-z])",
    re.ASCII,
)


def digits_of(said: str) -> str:
    """The digits that are read out: "double 4 oh" is 440."""
    digits = ""
    for times, piece, hundred in _PIECE.findall(said):
        read = piece if piece.isdecimal() else str(_DIGITS[piece])
        digits += read[0] * (_TIMES[times] - 1) + read if times else read
        digits += "00" if hundred else ""
    return digits


def _is_read_out(said: str) -> bool:
    """Whether words, or digits one by one, say it; groups of digits alone are for other rules."""
    if _SPOKEN.search(said) is not None or _KEYS.search(said) is not None:
        return True
    return len(_SINGLE.findall(said)) >= 4


def _is_list(said: str, digits: str) -> bool:
    """Whether somebody counts, or names numbers one after the other: 4, 8, 15, 16."""
    pieces = [
        _DIGITS.get(piece, 0) if piece.isalpha() else int(piece)
        for _, piece, _ in _PIECE.findall(said)
    ]
    steps = {b - a for a, b in pairwise(pieces)}
    if len(steps) == 1 and len(pieces) > 3 and "double" not in said:
        return True
    commas = said.count(",")
    return len(set(digits)) == 1 or (commas >= len(pieces) - 1 and max(pieces) > 9 and commas > 2)


def _read(match: Match) -> str:
    """The digits of a number that is read out to somebody, else nothing."""
    said = _EXTENSION.sub("", match.value)
    around = match.before(60) + " | " + match.after(40)
    if not _is_read_out(said) or _COUNTED.search(around):
        return ""
    digits = digits_of(said)
    edged = _EDGED.search(said) is not None  # "my friends one 012-555 0188"
    return "" if edged or _is_list(said, digits) else digits


def _stated(match: Match, digits: str) -> bool:
    around = match.before(40) + " | " + match.after(30)
    return any(word.search(around) and len(digits) in lengths for _, word, lengths in _STATE)


def _phone(match: Match) -> float | None:
    digits = _read(match)
    if (
        not 7 <= len(digits) <= 14
        or _KEYS.search(match.value)
        or _stated(match, digits)
        or not is_personal(match)
    ):
        return None
    if is_called(match) or match.value.startswith(("+", "plus ")):
        return 0.94
    led = digits[0] == "0" and len(digits) >= 9
    if led or (len(digits) >= 8 and _OWNED.match(match.after(20))):
        return 0.93
    return 0.7 if _SPOKEN.search(match.value) and len(digits) >= 7 else None


def _identity(match: Match) -> float | None:
    digits = _read(match)
    return 0.95 if digits and _stated(match, digits) else None


def _opened(match: Match) -> bool:
    around = match.before(70) + " | " + match.after(50)
    return has_word("english_topics", "locked", around) or has_word(
        "english_topics", "opened", around
    )


def _door(match: Match) -> float | None:
    """Three to eight digits said to open something."""
    digits = _read(match)
    keys = _KEYS.search(match.value) is not None
    if not 3 <= len(digits) <= 6 or _DEVICE.search(match.before(20)) or is_unit(match.after(14)):
        return None
    if keys:
        return 0.88
    return 0.86 if _opened(match) and _OPENS.search(match.before(24)) else None


def _password(match: Match) -> float | None:
    digits = _read(match)
    if not 4 <= len(digits) <= 8 or _opened(match) or is_unit(match.after(14)):
        return None
    told = _DEVICE.search(match.before(40)) and _OPENS.search(match.before(24))
    return 0.9 if told else None


def rules() -> tuple[Latin, ...]:
    """Telephones, numbers of papers, codes of doors and of devices."""
    trigger = (
        rf"(?<![a-z]){_WORD}(?![a-z])|-{_WORD}|(?:star|hash) \d|\d (?:star|hash)"
        rf"|(?<!\d)\d[ -]\d(?!\d)|\d then \d"
    )
    kinds = (
        ("phone", Kind.PHONE, _phone),
        ("identity_number", Kind.IDENTITY_NUMBER, _identity),
        ("door_code", Kind.DOOR_CODE, _door),
        ("password", Kind.PASSWORD, _password),
    )
    return tuple(
        Latin(f"{name}.read_out", kind, _RUN, trigger=trigger, check=check)
        for name, kind, check in kinds
    )
