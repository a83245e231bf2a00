"""Numbers of papers and cards that are told by their form and what is spoken of around them.

Sources: NRIC and FIN of Singapore (a letter S, T, F, G or M, seven digits, a letter); Aadhaar of
India (12 digits, no 0 or 1 in front); NIN of Nigeria (11); South Africa's identity number (date of
birth, 13 digits) and Korea's (date of birth, 13 digits); passports of ICAO Doc 9303 (up to nine
characters, here one or two letters with six to eight digits). A child mistypes, so that a check
digit is not asked for where words say what a number is.
"""

from __future__ import annotations

import re
from datetime import date

from qiaoban_guards.pii.checksums import luhn
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_text import Latin, has_word

_END = r"(?![\w@]|[-./]\w)"
_START = r"(?<![\w.#@$£€/+-])"
_AADHAAR = re.compile(r"aad?ha?a?r|(?<![a-z])uidai", re.ASCII)
_NIN = re.compile(r"(?<![a-z])(?:nin|nimc|national id(?:entity)?)(?![a-z])", re.ASCII)
_SOCIAL = re.compile(
    r"(?<![a-z])(?:ssn|social(?: security| insurance)|sin(?: number| card)?|9[ -]digit|nine digit"
    r")(?![a-z])",
    re.ASCII,
)
_BORN = re.compile(
    r"(?<![a-z])(?:id(?: ?(?:book|card|number|no))?|ic|identity|birth cert\w*|home affairs"
    r"|smart card"
    r"|mykad|nric)(?![a-z])",
    re.ASCII,
)
_TRAVEL = re.compile(
    r"(?<![a-z])(?:passports?|visa|blue book|green book|red book|embassy"
    r"|border|customs|airport|immigration|consulate|check ?in|abroad|school trip"
    r"|travel\w*|boarding|i'?m a citizen|citizenship)(?![a-z])",
    re.ASCII,
)
_PAPER = re.compile(
    r"(?<![a-z])(?:form|book|box|papers?|document|says|expires|expiry|scan(?:ned)?|photo|wrote down"
    r"|my (?:brother|sister|mum|mom|dad)'?s? is|brothers is|sisters is"
    r"|thats me|that's me)(?![a-z])",
    re.ASCII,
)
_CARD = re.compile(
    r"(?<![a-z])(?:cards?|visa|master ?card|amex|debit|credit|bank|cvv|cvc|exp(?:iry|ires)?|iban"
    r"|revolut|monzo|go ?henry|pay(?:pal|ment)?|money|vbucks|robux|over 18|numbers? on the (?:front"
    r"|back)|account|transfer|sends?|subscription|free trial)(?![a-z])",
    re.ASCII,
)
_OTHER = re.compile(
    r"(?<![a-z])(?:order|tracking|parcel|booking|ref(?:erence)?|ticket|flight|model|part|serial"
    r"|product|redeem|gift|voucher|promo|library|barcode|isbn|sku|candidate|exam|seat|locker|lego"
    r"|case|confirmation|receipt|invoice|version|friend code|trainer|switch code|meeting|zoom"
    r"|membership|loyalty|club card|game ?card|warranty|plate|password|pw|wi-?fi)"
    r"(?: (?:number|no\.?|code|id|card|is|was|for [a-z ]{2,20}|with))*[ :#]*$",
    re.ASCII,
)


def _around(match: Match) -> str:
    return match.before(80) + " | " + match.after(40)


def _other(match: Match) -> bool:
    return _OTHER.search(match.before(40)) is not None


def _aadhaar(match: Match) -> float | None:
    return 0.95 if _AADHAAR.search(_around(match)) else None


def _nin(match: Match) -> float | None:
    return 0.95 if _NIN.search(match.before(40)) and not _other(match) else None


def _social(match: Match) -> float | None:
    return 0.94 if _SOCIAL.search(match.before(90) + " | " + match.after(30)) else None


def _nric(match: Match) -> float | None:
    """Capital letters at both ends; among talk of travel it is a passport."""
    if not (match.typed[0] + match.typed[-1]).isupper() or _other(match):
        return None
    if _TRAVEL.search(_around(match)) and not _BORN.search(_around(match)):
        return None
    return 0.92


def _hong_kong(match: Match) -> float | None:
    return 0.93 if match.typed[0].isupper() or "id" in match.before(30) else None


def _dated(match: Match) -> float | None:
    """A date of birth and seven more digits."""
    number = match.number
    if not _is_day(number[:6]) or _other(match):
        return None
    if _BORN.search(_around(match)):
        return 0.94
    grouped = re.search(r"\d[- ]\d", match.value) is not None
    return 0.8 if (grouped and len(number) == 13) or (len(number) == 13 and luhn(number)) else None


def _is_day(digits: str) -> bool:
    try:
        date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return False
    return True


def _passport(match: Match) -> float | None:
    """Letters as capitals, and talk of travel or of a form to fill in."""
    letters = re.sub(r"[^A-Za-z]", "", match.typed)
    if _other(match) or (letters and not letters.isupper()):
        return None
    around = _around(match)
    travels = _TRAVEL.search(around) or has_word("english_topics", "travel", match.before(80))
    if not letters:
        return 0.92 if re.search(r"passport\W{0,4}$", match.before(14)) else None
    if travels:
        return 0.92
    return (
        0.78
        if (_PAPER.search(around) and len(match.number) >= 7)
        or (_PAPER.search(around) and len(letters) == 2)
        else None
    )


def _bank_card(match: Match) -> float | None:
    """Sixteen digits in fours, or said to be a card's; the check digit need not be right."""
    if _other(match):
        return None
    grouped = match.value != match.number
    if _CARD.search(_around(match)):
        return 0.93
    return 0.78 if grouped and luhn(match.number) else None


def rules() -> tuple[Latin, ...]:
    """Papers of a person, passports and bank cards."""
    identity = Kind.IDENTITY_NUMBER
    forms = (
        (
            "identity_number.aadhaar",
            identity,
            r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}",
            _aadhaar,
            r"\d{4}",
        ),
        ("identity_number.nigerian", identity, r"\d{11}|\d{4}[ -]\d{3}[ -]\d{4}", _nin, r"\d{4}"),
        ("identity_number.social", identity, r"\d{3}[ -]?\d{2,3}[ -]?\d{3,4}", _social, r"\d{3}"),
        ("identity_number.nric", identity, r"[stfgm]\d{7}[a-z]", _nric, r"[stfgm]\d{7}"),
        (
            "identity_number.dated",
            identity,
            r"\d{6}[ -]?\d{4}[ -]?\d{2}[ -]?\d|\d{6}-\d{4}-\d{3}|\d{6}-[1-4]\d{6}"
            r"|\d{6}-\d{2}-\d{4}",
            _dated,
            r"\d{6}",
        ),
        (
            "passport.form_english",
            Kind.PASSPORT,
            r"[a-z]{1,2} ?\d{6,8}[a-z]?|[a-z]\d{2} \d{3} \d{3}"
            r"|\d{9}",
            _passport,
            r"\d{6}|\d{3} \d{3}",
        ),
        ("bank_card.english", Kind.BANK_CARD, r"[3-6]\d{3}(?:[ -]?\d{4}){3}", _bank_card, r"\d{4}"),
    )
    bracketed = Latin(
        "identity_number.bracketed",
        identity,
        rf"{_START}[a-z]{{1,2}}\d{{6}} ?\([\da]\)",
        trigger=r"\d{6} ?\(",
        check=_hong_kong,
    )
    return (
        *(
            Latin(name, kind, rf"{_START}(?P<value>{form}){_END}", trigger=trigger, check=check)
            for name, kind, form, check, trigger in forms
        ),
        bracketed,
    )
