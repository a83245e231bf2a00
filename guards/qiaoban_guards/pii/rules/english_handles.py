"""Ids on platforms and in games that are told by their form, or by what a child does with them.

snow_bear_77, kitty.vo and TheRealMoss are shaped like ids; "add", "follow", "gamertag" and "on
insta is me" say that something is one. Names of files, of models and in programs have that shape.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_text import Latin, is_common, words_after

PLATFORM = (
    r"(?:snapchat|snap|sc|instagram|insta|ig|discord|disc|tik ?tok|tt|roblox|rblx|fortnite"
    r"|minecraft|mc|steam|xbox|xbl|psn|playstation|ps[45]|nintendo|switch|epic(?: games)?|twitch"
    r"|twitter|facebook|fb|messenger(?: kids)?|kik|telegram|tele|tg|skype|line|kakao(?:talk)?"
    r"|threads|youtube|yt|pinterest|reddit|tumblr|be ?real|vsco|valorant|val|genshin(?: impact)?"
    r"|brawl ?stars|clash(?: royale| of clans)?|among us|pokemon go|riot|apex|overwatch|lichess"
    r"|chess\.com|chess|kahoot|prodigy|duolingo|wattpad|scratch|spotify|weverse|rec room|vrchat"
    r"|facetime|gamer ?tag|gt|game center|zoom|blooket|gimkit|finsta|spam)"
)
_RUN = r"(?<![\w@.#/\\!$%&*-])@?[a-z0-9_](?:[a-z0-9_.-]{1,28}[a-z0-9_])(?![\w@#/\\]|[.-]\w|\()"
_THING = re.compile(
    r"(?:i(?:phone|pad|pod|os)|ps|xbox|mp|covid|gta|fifa|ea|nba|galaxy|windows|win|v|ver|level|lvl"
    r"|lv|ep|season|chapter|ch|year|grade|class|room|top|rtx|gtx|usb|cod|bo|mw|fnaf|nct|b|a|c|g|m"
    r"|ww|f|h|cr|r|u|k|ks|key ?stage|unit|day|week|page|p|no|q|gen|type|part|formula|route|area)"
    r"[-_.]?\d+\w{0,3}|\d+(?:st|nd|rd|th|am|pm|k|m|x|kg|km|cm|mm|gb|mb|fps|hz|mins?|hrs?|ml|s|h|v\d"
    r"|d|yo|ish|cc|p|ft)|\d[\d.,:-]*|[a-z]+\.(?:com|org|net|io|tv|gg|co|uk|jpg|png|pdf|docx?|mp[34]"
    r"|py|js|txt|html|xlsx?|pptx?|zip|gif|mov)|\w+_\w+\.\w{1,4}|b4|gr8|m8|l8r|h8|2day|2moro"
    r"|e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|[a-z]\.[a-z]|4ever|4eva|w8|str8|any1|some1|every1|no1|co2|h2o"
    r"|[a-z]+-(?:up|in|out|off|on)|x\d+",
    re.ASCII,
)
_CODE = re.compile(
    r"(?<![a-z])(?:variables?|function|python|javascript|java|print|code[sd]?|coding"
    r"|file(?:name)?s?"
    r"|folder|script|css|html|hashtag|class name|def|error|save[ds]? (?:it )?as|emoji|commands?"
    r"|model|passwords?|pass|pw|pwd|passcode|log ?(?:in|on)|wi-?fi|network|router|netflix|guess\w*"
    r"|logged|disney|prime|hulu|unlock\w*|laptop|ipad|chromebook|plate|booking|order|tracking"
    r"|secret word|vpn|famous|streamer|celebrit\w*)(?![a-z])",
    re.ASCII,
)
_SECRET = re.compile(
    r"(?<![a-z])(?:passwords?|pass|pw|pwd|passcode|log ?(?:in|on)|wi-?fi|network|router|netflix"
    r"|guess\w*|unlock\w*)(?![a-z])",
    re.ASCII,
)
_MEANT = re.compile(
    r"(?<![a-z])(?:add|follow|friend(?: me)?|dm|message|report|block(?:ed)?|scammed[a-z ]{0,20} by"
    r"|streak with|sub(?:scribe)? to|search|find|user ?name|user|gamer ?tag|gt|ign|handle"
    r"|@|plays? (?:under|as)|same but|cousins? is|brothers? is|sisters? is|of me,|name(?: is"
    r"| was| used to be|'s)?|made a [a-z ]{0,16}one|its"
    r"|join my (?:realm|server|world|party|island|club)|called|uses|hes|shes|he is|she is|he's"
    r"|she's|i'm|im|i am|i'll be|kid is|now|mine\?|here"
    rf"|{PLATFORM}(?:'s)?)(?: me| him| her)?(?: (?:as|at|is|was|under|on|its?|by|just))?"
    r"(?: ?(?:[:,?=\u2192-]|->) ?| |[?:][\"'] )[\"']?$",
    re.ASCII,
)
_STRONG = re.compile(
    r"(?<![a-z])(?:add|follow|user ?name|gamer ?tag|gt|ign|plays? (?:under|as)|streak with|sub to"
    r"|join my (?:realm|server|world|party|island|club)(?: its| it's| at|:)?"
    r"|friend me)(?: me)?:? $",
    re.ASCII,
)
_ACCOUNT_NEAR = re.compile(
    rf"(?<![a-z])(?:{PLATFORM}|acc(?:ount)?s?|follow(?:ers)?|add|user ?name|handle|server|story"
    r"|ur @|your @|friend request|mine\?|comments|stream\w*|gamer|profile|stalk\w*|blocked|fake"
    r"|private)(?![a-z])",
    re.ASCII,
)
_OPENED, _CLOSED = tuple("<[{=`"), tuple(">]}=`")
_NAMED = re.compile(rf"(?<![a-z])(?:we ?chat|wei ?xin|wx|vx|qq|{PLATFORM})(?![a-z])", re.ASCII)
_IS_ME = (
    rf"(?: on (?:my )?{PLATFORM}(?: (?:is|was|=)|,? (?:thats|that's|its)) (?:me|mine|my|not|the"
    r"|his|her)(?![a-z])| is (?:my|only for my|just for my) [a-z ]{0,20}(?:story|spam|insta|acc"
    r"|alt))"
)
_PAIRED = re.compile(r"(?: and then | / ?| and (?:the )?(?:pass|pw|word))(?=\S)", re.ASCII)
_SIGNED_IN = re.compile(r"(?:sign|log|signed|logged)(?: |-)?in as $", re.ASCII)
_ON = re.compile(rf" on (?:my )?{PLATFORM}(?![a-z])", re.ASCII)
_DETERMINER = re.compile(r"(?:the|a|an|this|that|my|his|her|our|their|some|every|any|no) $")


def _is_thing(match: Match) -> bool:
    return _THING.fullmatch(match.value.lstrip("@")) is not None


def shape_of(match: Match) -> float:
    """How much it is shaped like an id: from 1 for snow_bear_77 to 0 for a word."""
    value, typed = match.value.lstrip("@"), match.typed.lstrip("@")
    if _is_thing(match) or value.count("-") > 3:
        return 0.0
    if re.search(r"[a-z0-9]_+[a-z0-9]|^_+[a-z]|[a-z0-9]__?$", value) and len(value) > 3:
        return 1.0
    if re.search(r"[a-z]{3}\d{2,}$|[a-z]\d[a-z]|^[a-z]{2,}\d+[a-z]+", value) and len(value) > 4:
        return 0.8
    if re.search(r"[a-z]{2}[A-Z][a-z]+", typed) and len(value) > 6:
        return 0.8
    if re.search(r"[A-Z][a-zA-Z]*-[A-Z][a-z]+-[A-Z]", typed):
        return 0.8
    if re.search(r"[a-z]{2}\.[a-z0-9]{2}|[a-z]\.[a-z]+\.|[a-z]\d|[a-z]{3}-[a-z]{3}", value):
        return 0.5
    return 0.0


def _said(match: Match) -> float | None:
    """Shaped like an id, with a word in front that says it is one, or a platform behind."""
    shape = shape_of(match)
    before = match.before(50)
    if not shape:
        return None
    words = words_after(match.reading, match.start)
    if not words or (is_common(words[0]) and words[0].end >= match.end):
        return None
    paired = _PAIRED.match(match.after(14)) and _SECRET.search(before)
    if shape >= 0.5 and (paired or _SIGNED_IN.search(before)):
        return 0.92
    if _SECRET.search(before[-36:]) and not _ON.match(match.after(24)):
        return None
    if _ON.match(match.after(24)):
        return 0.88
    if _MEANT.search(before) is None:
        return 0.72 if shape == 1 and not _is_code(match) else None
    if _STRONG.search(before) and shape >= 0.8:
        return 0.86
    near = _ACCOUNT_NEAR.search(match.before(70) + " | " + match.after(40))
    if shape == 1:
        return 0.86 if not _CODE.search(before) else None
    return 0.86 if near and not _CODE.search(before) else None


def _is_code(match: Match) -> bool:
    """Whether it is a name in a program, a file or a template: <age_band>, MAX_SPEED = 3."""
    if match.typed.isupper() or match.before(1) in _OPENED or match.after(1) in _CLOSED:
        return True
    return _CODE.search(match.before(50) + "|" + match.after(30)) is not None


def _wechat(match: Match) -> float | None:
    """Shaped like an id, where of all platforms WeChat is the one that was named last."""
    named = [found[0] for found in _NAMED.finditer(match.before(80))]
    if not named or not named[-1].startswith(("we", "wx", "vx")) or shape_of(match) < 0.5:
        return None
    return (
        0.89 if _MEANT.search(match.before(50)) and not _SECRET.search(match.before(36)) else None
    )


def _named(match: Match) -> float | None:
    """A word alone, which the platform behind it makes an id: "mossgirl on insta is me"."""
    words = words_after(match.reading, match.start)
    if not words or is_common(words[0]):
        return None
    return None if match.value.isdecimal() or _DETERMINER.search(match.before(8)) else 0.84


def rules() -> tuple[Latin, ...]:
    """Handles by their form and by what is said of them."""
    return (
        Latin(
            "account.shaped",
            Kind.ACCOUNT,
            _RUN,
            trigger=r"\w[_.-]\w|[a-z]\d|\d[a-z]|[a-z]{4}",
            check=_said,
        ),
        Latin(
            "account.named",
            Kind.ACCOUNT,
            rf"(?<![\w@.#/-])(?P<value>[a-z0-9]{{6,30}})(?={_IS_ME})",
            trigger=r" on [a-z ]{2,20} (?:is|was|=|thats|that's|its) | is (?:my|only|just) ",
            check=_named,
        ),
        Latin(
            "wechat.shaped",
            Kind.WECHAT,
            _RUN,
            trigger=r"we ?chat|wei ?xin|(?<![a-z])[wv]x(?![a-z])",
            check=_wechat,
        ),
    )
