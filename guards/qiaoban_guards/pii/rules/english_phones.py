"""Phone numbers as they are written in English: North America, the British Isles, Oceania, Asia.

Forms are those of the national numbering plans (NANPA; Ofcom; ACMA; ComReg; OFCA; IMDA). Where the
package `phonenumbers` is there it says how sure a number with a country code is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

from qiaoban_guards.pii import facts
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule
from qiaoban_guards.pii.rules.english_text import Latin
from qiaoban_guards.pii.word_lists import word_list

_GAP = r"[-. \u2010-\u2013]"
_FRONT = r"(?<![\w.+$£€#/(@-])"
_BACK = r"(?![\w$€%]|[-./:]\d|,\d{3})"
_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension) ?\d{1,5})?"
_CALL = re.compile(
    r"(?:phone|number|mobile|cell|call|text|txt|ring|whatsapp|contact|landline|tel|digits|dial"
    r"|(?<![a-z])(?:hp|num|sim|gcash|viber)(?![a-z])|reach (?:me|us|her|him)|imessage|facetime"
    r"|电话|手机|号码|whats app|signal)"
)
_OTHER = re.compile(
    r"(?<![a-z])(?:order|tracking|isbn|invoice|serial|ticket|confirmation|reference|score[ds]?"
    r"|case|model|pi"
    r"|product|barcode|student|library card|lottery|points?|version|equals|sum|plus|minus|times"
    r"|ip|code|page|id|account|parcel|package|account|qq|uid|friend code|gift card|voucher|sku)"
    r"(?: ?(?:number|no\.?|id|code))? ?(?:is|was|are|of|:|=|#)? ?$"
)
_OWNED = re.compile(
    r"[,.]? ?(?:thats?|that's|is|it'?s)(?: (?:my|mine|me|his|her|our|the))? ?(?:me|mine|flat|house"
    r"|home|mum|mom|mummy|mommy|dad|daddy|papa|ma|nan|gran|grandma|uncle|aunty|auntie|sister"
    r"|brother|cousin|new one|one)?(?![a-z])",
    re.ASCII,
)
_SECURITY = re.compile(r"\d{3}[- ]\d\d[- ]\d{4}", re.ASCII)
_YEARS = re.compile(r"(?:19|20)\d\d[ -]?(?:19|20)\d\d", re.ASCII)
_LISTED = re.compile(
    r"(?<![a-z])(?:lottery|lotto|score[sd]?|pages?|dates?|timetable|bus times?|coordinates|isbn"
    r"|tracking|order|parcel|serial|model|barcode|library|student|candidate|receipt|ticket|uid"
    r"|friend code|trainer|level|verses?|games?|points|count\w*|multipl\w*|times table|kick ?off)"
    r"(?![a-z])",
    re.ASCII,
)
_STORY = re.compile(
    r"in (?:my|the|this|a|that) (?:story|book|movie|film|game|song|novel|show|comic)"
)


@lru_cache(maxsize=1)
def _public() -> tuple[frozenset[str], tuple[str, ...]]:
    return (
        frozenset(word_list("english_public_numbers", "numbers")),
        word_list("english_public_numbers", "prefixes"),
    )


def is_public(number: str) -> bool:
    """Whether everybody may call it: emergency, helplines, free and shared-cost numbers."""
    if len(number) != 8 and facts.is_public(number):
        return True  # of eight digits are the mobiles of Hong Kong and Singapore
    numbers, prefixes = _public()
    bare = number.removeprefix("1") if len(number) == 11 else number
    return number in numbers or bare in numbers or number.startswith(prefixes)


def is_personal(match: Match) -> bool:
    """Whether it is no public number, no order, score or sum, and in no story."""
    if is_public(match.number) or _STORY.search(match.before(60)):
        return False
    return _OTHER.search(match.before(24)) is None


def is_called(match: Match) -> bool:
    """Whether words around it say that one can call it."""
    return _CALL.search(match.before(40)) is not None or _CALL.search(match.after(16)) is not None


def _certain(match: Match) -> float | None:
    return 0.92 if is_personal(match) else None


def _said(match: Match) -> float | None:
    return 0.85 if is_called(match) and is_personal(match) else None


def _british(match: Match) -> float | None:
    number = re.sub(r"^(?:0044|44)0?", "0", match.number)
    right = len(number) == 11 or (len(number) == 10 and number[1] in "123468")
    if not right or not is_personal(match):
        return None
    spaced = not match.value.isdecimal()
    mobile = number.startswith("07") and len(number) == 11
    return 0.9 if mobile or spaced or is_called(match) else None


def _trunk(match: Match) -> float | None:
    """A number in groups that begins with the 0 of a long-distance call."""
    if not 9 <= len(match.number) <= 11 or not is_personal(match):
        return None
    groups = [int(group) for group in re.findall(r"\d+", match.value)]
    steps = {b - a for a, b in pairwise(groups)}
    if len(groups) > 3 and len(steps) == 1:
        return None  # 02 04 06 08 10
    if groups[0] == 0 or _SECURITY.fullmatch(match.value):
        return None
    return 0.91 if _LISTED.search(match.before(40)) is None or is_called(match) else None


def _bare(match: Match) -> float | None:
    """Ten or eleven digits without a gap: a mobile of Africa or Asia."""
    if _LISTED.search(match.before(40)) or not is_personal(match):
        return None
    return 0.85


def _owned(match: Match) -> float | None:
    """Eight digits in two groups, and whose they are: "6555 0187 thats the flat"."""
    if _YEARS.fullmatch(match.value) or _LISTED.search(match.before(40)):
        return None
    return 0.84 if _OWNED.match(match.after(24)) and is_personal(match) else None


@lru_cache(maxsize=1)
def _phonenumbers() -> Any:
    """The package of that name, or None where the extra `pii` is not installed."""
    try:
        import phonenumbers
    except ImportError:
        return None
    return phonenumbers


def _international(match: Match) -> float | None:
    if not 8 <= len(match.number) <= 15 or not is_personal(match):
        return None
    package = _phonenumbers()
    if package is None:
        return 0.85
    try:
        number = package.parse(match.value.replace("(0)", ""), None)
    except package.NumberParseException:
        return 0.5 if is_called(match) else None
    return 0.95 if package.is_valid_number(number) else 0.7


def rules() -> tuple[Rule, ...]:
    """Phone numbers of English-speaking countries, and any with a country code."""
    area = r"[2-9][0-8]\d"
    return (
        Rule(
            "phone.north_america",
            Kind.PHONE,
            rf"{_FRONT}(?:\+?1{_GAP}?)?(?:\({area}\) ?|{area}{_GAP}{{1,2}})"
            rf"[2-9]\d{{2}}{_GAP}{{1,2}}\d{{4}}{_EXTENSION}{_BACK}",
            check=_certain,
        ),
        Rule(
            "phone.north_america_bare",
            Kind.PHONE,
            rf"{_FRONT}1?[2-9][0-8]\d[- ]?[2-9]\d{{2}}[- ]?\d{{4}}{_BACK}",
            trigger="[a-z]",
            check=_said,
        ),
        Rule(
            "phone.local",
            Kind.PHONE,
            rf"{_FRONT}[2-9]\d{{2}}(?:[-.]| - | )\d{{4}}{_BACK}",
            trigger="[a-z]",
            check=_said,
        ),
        Rule(
            "phone.british",
            Kind.PHONE,
            rf"(?<![\w.+$£€#/@-])(?<!\d )(?:(?:\+44|0044){_GAP}?(?:\(0\) ?)?"
            rf"|\(?0)[1-37]\d{{1,4}}\)?"
            rf"{_GAP}?\d{{2,4}}{_GAP}?\d{{3,6}}{_BACK}",
            check=_british,
        ),
        Rule(
            "phone.oceania",
            Kind.PHONE,
            rf"(?<![\w.+$£€#/@-])(?:04\d{{2}}{_GAP}?\d{{3}}{_GAP}?\d{{3}}"
            rf"|\(?0[2378]\)?{_GAP}?\d{{4}}{_GAP}\d{{4}}|02[0-9]{_GAP}\d{{3}}{_GAP}\d{{3,5}}"
            rf"|08[35-9]{_GAP}?\d{{3}}{_GAP}?\d{{4}}|0[3469]{_GAP}\d{{3}}{_GAP}\d{{4}}){_BACK}",
            check=_certain,
        ),
        Rule(
            "phone.hong_kong_singapore",
            Kind.PHONE,
            rf"{_FRONT}[235689]\d{{3}}[ -]?\d{{4}}{_BACK}",
            trigger="[a-z]",
            check=_said,
        ),
        Rule(
            "phone.country_code",
            Kind.PHONE,
            rf"(?<![\w+])(?:\(\+[1-9]\d{{0,2}}\)"
            rf"|\+[1-9])(?:[-. ()\u2010-\u2013]{{0,2}}\d){{7,14}}{_EXTENSION}{_BACK}",
            trigger=r"\+",
            check=_international,
        ),
        Latin(
            "phone.trunk",
            Kind.PHONE,
            rf"(?<![\w.+$£€#/@-])(?<!\d )(?:\(0\d{{1,4}}\) ?"
            rf"|0\d{{1,4}}[- .])\d{{2,7}}(?:[- .]\d{{2,7}}){{0,3}}{_BACK}",
            trigger=r"0\d{1,4}\)?[- .]\d",
            check=_trunk,
        ),
        Latin(
            "phone.bare",
            Kind.PHONE,
            rf"(?<![\w.+$£€#/@-])(?<!\d )0[6-9]\d{{8,9}}{_BACK}",
            trigger=r"0[6-9]\d{8}",
            check=_bare,
        ),
        Latin(
            "phone.indian",
            Kind.PHONE,
            rf"{_FRONT}(?<!\d )[6-9]\d{{4}}[- ]\d{{5}}{_BACK}",
            trigger=r"\d{5}[- ]\d{5}",
            check=_bare,
        ),
        Latin(
            "phone.indian_bare",
            Kind.PHONE,
            rf"{_FRONT}(?<!\d )[6-9]\d{{9}}{_BACK}",
            trigger=r"\d{10}",
            check=_said,
        ),
        Latin(
            "phone.mexican",
            Kind.PHONE,
            rf"{_FRONT}(?<!\d )[2-9]\d[- ]\d{{4}}[- ]\d{{4}}{_BACK}",
            trigger=r"\d\d[- ]\d{4}[- ]\d{4}",
            check=_bare,
        ),
        Latin(
            "phone.owned",
            Kind.PHONE,
            rf"{_FRONT}(?<!\d )[23689]\d{{3}}[ -]\d{{4}}{_BACK}",
            trigger=r"\d{4}[ -]\d{4}",
            check=_owned,
        ),
    )
