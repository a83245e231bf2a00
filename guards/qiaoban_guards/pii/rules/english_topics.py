"""Values that a word further in front explains: "theres a keypad on the side door its 4071#".

What stands between is a child's story, so that three things decide: the form of the value, a word
that points at it ("its", "mine is", "so here:"), and the topic that was named last before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule
from qiaoban_guards.pii.rules.english_ids import PLATE, is_plate
from qiaoban_guards.pii.rules.english_secrets import POSTAL
from qiaoban_guards.pii.rules.english_text import (
    has_word,
    is_common,
    is_unit,
    phrases,
    words_after,
)

_LIST = "english_topics"
_KINDS = ("passport", "wechat", "qq", "account", "plate", "locked", "password", "birthday", "other")
_REACH = 130
_MADE_UP = re.compile(
    r"(?<![a-z])(?:escape room|puzzles?|movie|film|in (?:the|my|a) (?:story|book|game|level)"
    r"|riddles?|quiz|zelda|cartoon|worksheet|for example|made up|fake|pretend)(?![a-z])",
    re.ASCII,
)
_WAKES = re.compile(r"(?:wake|woke|snooz|clock|morning|set (?:my|an|the) alarm|rings? at)")
_SAFE = re.compile(r"(?:the|our|my|his|her|their|[a-z]'?s) safe(?! (?:place|way|side|space))")
_ASKED = re.compile(r" (?:an? [a-z]|and then |then |good|bad|strong|weak|safe|ok)")
_TAG = re.compile(r"(?<![a-z])(?:tags?|plates?|reg)(?![a-z])", re.ASCII)


@lru_cache(maxsize=1)
def _topics() -> re.Pattern[str]:
    named = (rf"(?P<{kind}>{phrases(_LIST, kind)})" for kind in _KINDS)
    return re.compile(rf"(?<![a-z])(?:{'|'.join(named)})s?(?![a-z])", re.ASCII)


def topic_of(match: Match) -> str:
    """The topic named last in front of the value, else the first behind it; empty for none."""
    before = [found.lastgroup or "" for found in _topics().finditer(match.before(_REACH))]
    if before:
        return before[-1]
    behind = _topics().search(match.after(60))
    return (behind.lastgroup or "") if behind else ""


def _counted(match: Match) -> bool:
    """Whether it is an amount: "its 200 years old"."""
    after = match.after(14)
    return is_unit(after) or match.before(1) in {"$", "£", "€", "-", "."}


def _about(*topics: str, check: Callable[[Match], float | None]) -> Callable[[Match], float | None]:
    def checked(match: Match) -> float | None:
        if _MADE_UP.search(match.before(_REACH)) or topic_of(match) not in topics:
            return None
        return check(match)

    return checked


def _passport(match: Match) -> float | None:
    letters = re.sub(r"[^a-z]", "", match.value)
    return None if not letters and _counted(match) else 0.86


def _travel(match: Match) -> float | None:
    """A passport's form among talk of travel, where the passport is not named."""
    if topic_of(match) or not has_word(_LIST, "travel", match.before(_REACH)):
        return None
    return 0.74


def _id(match: Match) -> float | None:
    """An id that no word is: with a sign or digits in it, a handle, capitals inside."""
    words = words_after(match.reading, match.start)
    if not words or is_common(words[0]):
        return None
    value = match.value
    if value.startswith("@") or re.search(r"[a-z][._-][a-z0-9]|[a-z]\d|\d[a-z]", value):
        return None if re.fullmatch(r"\d+[a-z]{1,3}", value) else 0.8
    return 0.74 if re.search(r"[a-z][A-Z]", match.typed) else None


def _number(match: Match) -> float | None:
    return None if _counted(match) else 0.8


def _handle(match: Match) -> float | None:
    """A handle with a sign for its own owner beside it: "sub to my channel @…"."""
    around = match.before(40) + " " + match.after(20)
    mine = re.search(
        r"(?<![a-z])(?:my|mine|me|im|i'm|i am|add|follow|sub|channel)(?![a-z])", around
    )
    return 0.78 if mine else None


def _plate(match: Match) -> float | None:
    if topic_of(match) == "plate":
        return 0.84 if is_plate(match) else None
    near = has_word(_LIST, "vehicle", match.before(70)) and _TAG.search(match.before(30))
    return 0.8 if near and is_plate(match) else None


def _typed_plate(match: Match) -> float | None:
    """A plate right behind a car, told by its capitals."""
    return 0.8 if match.typed.isupper() and not _counted(match) else None


def _opens(match: Match) -> float | None:
    """A code for what is named before it, or right behind it."""
    around = match.before(_REACH) + " " + match.after(50)
    if _counted(match) or _MADE_UP.search(around) or _WAKES.search(around):
        return None
    topic = topic_of(match)
    if topic == "locked" or (topic in {"", "password"} and _SAFE.search(match.before(60))):
        return 0.85
    opened = has_word(_LIST, "opened", match.before(80)) or re.match(
        rf" (?:on|for|at|to|opens) .{{0,20}}{phrases(_LIST, 'opened')}(?![a-z])", match.after(50)
    )
    if topic in {"", "password"} and opened and has_word(_LIST, "code", around):
        return 0.81
    return None


def _secret(match: Match) -> float | None:
    """A run with digits and letters, or four digits and more."""
    value = match.value
    if _ASKED.match(match.after(16)) or POSTAL.search(match.before(40)):
        return None
    if _counted(match) or re.fullmatch(r"\d+(?:st|nd|rd|th|am|pm|k|x|%|[kmg]b(?:ps)?)", value):
        return None
    if value.isdecimal():
        return 0.76 if 4 <= len(value) <= 12 else None
    if not re.search(r"\d", value) or not re.search(r"[a-z]", value) or "@" in value[1:]:
        signs = re.search(r"[a-z][!#$%&*_+=?][a-z]", value)
        return 0.76 if signs else None
    return 0.83


def rules() -> tuple[Rule, ...]:
    """What is pointed at after its topic was named."""
    softly = r"(?: (?:just|now|like|actually|still|only|really|all|also|called|is)){0,2}"
    point = (
        rf"(?:(?<![a-z0-9]){phrases(_LIST, 'pointing')}{softly}(?: ?[:=]{{1,2}})? "
        rf"|[:=,] ?|(?<=[a-z])\n)[\"'“(]?"
    )
    passport = r"[a-z]{1,2} ?\d{7,8}[a-z]?|\d{3} ?\d{3} ?\d{3}"
    code = (
        r"[#*]?\d{3,8}[#*]?|\d{1,2}(?:[- ,]{1,2}\d{1,2}){2,5}[#*]?|[a-z]\d{3,6}[a-z]?[#*]?"
        r"|\d{3,6}[a-z][#*]?"
    )
    back = r"(?![\w@]|[-./:]\d)"
    topical = (
        ("passport", Kind.PASSPORT, passport, _about("passport", check=_passport), "passport|visa"),
        ("passport", Kind.PASSPORT, r"[a-z]{1,2}\d{7,8}[a-z]?", _travel, r"[a-z]\d{7}"),
        ("wechat", Kind.WECHAT, r"@?[a-z0-9][\w.-]{2,30}\w", _about("wechat", check=_id), "w"),
        ("qq", Kind.QQ, r"\d{5,11}", _about("qq", check=_number), "qq"),
        ("account", Kind.ACCOUNT, r"@?[a-z0-9][\w.-]{2,30}\w", _about("account", check=_id), ""),
        ("licence_plate", Kind.LICENCE_PLATE, PLATE, _plate, r"plate|reg|tag"),
        ("door_code", Kind.DOOR_CODE, code, _opens, r"\d"),
        (
            "password",
            Kind.PASSWORD,
            r"[!-~]{3,30}[a-z0-9!#$%&*?]",
            _about("password", check=_secret),
            r"[pw]|log|sign",
        ),
    )
    return (
        *(
            Rule(
                f"{name}.pointed_{at}",
                kind,
                rf"{point}(?P<value>{form}){back}",
                trigger=trigger,
                check=check,
            )
            for at, (name, kind, form, check, trigger) in enumerate(topical)
        ),
        Rule(
            "licence_plate.tagged",
            Kind.LICENCE_PLATE,
            rf"(?<![a-z])(?:tag|plate|reg)s?(?: number| no\.?)?(?:,| is| was| says| reads|:)? ?"
            rf"(?P<value>{PLATE}){back}",
            trigger=r"plate|reg|tag",
            check=_plate,
        ),
        Rule(
            "licence_plate.beside",
            Kind.LICENCE_PLATE,
            rf"(?<![a-z]){phrases(_LIST, 'vehicle')},? (?P<value>[a-z]{{2}}\d{{2}} ?[a-z]{{3}}"
            rf"|\d[a-z]{{3}} ?\d{{3}}|[a-z]{{3}}[ -]?\d{{4}}){back}",
            trigger=phrases(_LIST, "vehicle"),
            check=_typed_plate,
        ),
        Rule(
            "account.handle",
            Kind.ACCOUNT,
            r"(?<![\w@.])@[a-z0-9_][\w.]{2,29}(?<!\.)(?![\w@])",
            trigger="@",
            check=_handle,
        ),
    )
