"""Numbers that a state or an insurer gave, as English speakers write them.

Sources: SSN of the US Social Security Administration (area 000, 666 and 9xx, group 00 and serial
0000 are never given); National Insurance number of HM Revenue & Customs (two letters without D, F,
I, Q, U, V, six digits, a suffix A to D); NHS number with its check digit modulo 11.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule
from qiaoban_guards.pii.rules.english_text import is_unit, listed

_SSN = re.compile(r"(?:\bssn\b|\bsocial\b)", re.ASCII)
_INSURANCE = re.compile(r"(?:national insurance|\bni\b|\bnino\b)", re.ASCII)
_ORDER = re.compile(r"(?:order|tracking|part|model|serial|isbn|case|flight|product|ref)")
_IS = r"(?:(?: ?(?:number|no\.?|num|code|#))? ?(?:is|'s|was|are|:|=|：|says|reads)? ?(?:#)?)"
PLATE = (
    r"[a-z]{1,3}[ -]?\d{1,4}[ -]?[a-z](?![a-z])|[a-z]{2}\d{2}[ -]?[a-z]{3}|\d[a-z]{3}[ -]?\d{3}"
    r"|[a-z]{2,3}[ -]?\d{2,4}|\d{2,4}[ -]?[a-z]{2,3}|\d[a-z]{2}[ -]?\d[a-z]{2}"
    r"|[a-z]\d{1,3}[ -]?[a-z]{3}|\d{2,3}-[a-z]{1,2}-\d{1,6}|[a-z]{3}[ -]?\d[a-z]\d{2}"
)
"""Singapore, Great Britain, California, other states and Hong Kong, Australia, Ireland."""
_AREA = r"(?!000|666|9\d\d)\d{3}"


def _security(match: Match) -> float | None:
    if _SSN.search(match.before(40)):
        return 0.95
    return None if _ORDER.search(match.before(24)) else 0.85


def _insurance(match: Match) -> float | None:
    if match.value[:2] in {"bg", "gb", "kn", "nk", "nt", "tn", "zz"}:
        return None
    if _INSURANCE.search(match.before(40)):
        return 0.95
    return 0.8 if " " in match.value and match.typed[:2].isupper() else None


def _health(match: Match) -> float | None:
    digits = [int(digit) for digit in match.number]
    check = (11 - sum(d * w for d, w in zip(digits, range(10, 1, -1), strict=False)) % 11) % 11
    return 0.95 if check == digits[9] else 0.7


def _travel(match: Match) -> float | None:
    return 0.9 if len(match.number) >= 6 else None


def _among_passports(match: Match) -> float | None:
    return 0.8 if "passport" in match.before(90) else None


def is_plate(match: Match) -> bool:
    """Whether it is a plate: a letter that stands apart at its end is no word of the sentence."""
    if len(match.number) < 1 or is_unit(match.value.lstrip("0123456789")):
        return False
    word = re.search(r" ([a-z]{2,3})$", match.value)
    if (
        word
        and word[1] in listed("english_words", "common", "onward")
        and match.typed[-1].islower()
    ):
        return False
    apart = re.search(r" ([a-z])$", match.value)
    return apart is None or match.typed[-1].isupper() or apart[1] not in "aiur"


def _plate(match: Match) -> float | None:
    """Letters and digits both, or digits enough."""
    letters = sum(character.isalpha() for character in match.value)
    told = match.number and (letters or len(match.number) >= 4)
    return 0.9 if told and is_plate(match) else None


def rules() -> tuple[Rule, ...]:
    """Social security, insurance, health and passport numbers, and licence plates."""
    plate = rf"(?:(?:{PLATE})|[a-z0-9]{{1,4}}(?:[ -]?[a-z0-9]{{2,5}})?)(?![a-z0-9])"
    return (
        Rule(
            "identity_number.social_security",
            Kind.IDENTITY_NUMBER,
            rf"(?<![\w-]){_AREA}(?P<gap>[- ])(?!00)\d{{2}}(?P=gap)(?!0000)\d{{4}}(?![\w-])",
            check=_security,
        ),
        Rule(
            "identity_number.social_security_said",
            Kind.IDENTITY_NUMBER,
            rf"(?:\bssn|social security|\bsocial(?= (?:number|is|:))){_IS}"
            rf"(?P<value>{_AREA}[- ]?\d{{2}}[- ]?\d{{4}})(?![\w-])",
            trigger=r"ssn|social",
            score=0.95,
        ),
        Rule(
            "identity_number.national_insurance",
            Kind.IDENTITY_NUMBER,
            r"(?<!\w)[a-ceghj-prtw-z][a-ceghj-nprtw-z] ?\d{2} ?\d{2} ?\d{2} ?[a-d](?!\w)",
            check=_insurance,
        ),
        Rule(
            "identity_number.health",
            Kind.IDENTITY_NUMBER,
            rf"\bnhs{_IS}(?P<value>\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}})(?!\d)",
            trigger="nhs",
            check=_health,
        ),
        Rule(
            "passport.english",
            Kind.PASSPORT,
            rf"passport{_IS}(?P<value>[a-z]{{0,2}} ?\d{{6,9}}[a-z]?)(?![\w])",
            trigger="passport",
            check=_travel,
        ),
        Rule(
            "passport.of_another",
            Kind.PASSPORT,
            r"(?:his|hers|mine|mums?|moms?|dads?|brothers?|sisters?)(?:'s?)?(?: one)? is "
            r"(?P<value>[a-z]{0,2}\d{7,9})(?!\w)",
            trigger="passport",
            check=_among_passports,
        ),
        Rule(
            "licence_plate.english",
            Kind.LICENCE_PLATE,
            rf"(?:(?:licen[cs]e|number|car|reg(?:istration)?) ?plate|\bplates?|\breg(?:istration)?)"
            rf"(?: (?:number|no\.?))?(?: on (?:the|his|her|our) (?:car|van|truck))?"
            rf"(?: ?(?:is|was|are|says|said|reads|:|=) ?| )(?P<value>{plate})",
            trigger=r"plate|\breg",
            check=_plate,
        ),
    )
