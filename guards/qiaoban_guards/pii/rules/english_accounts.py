"""Ids on other platforms and in games, behind the name of a platform."""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule
from qiaoban_guards.pii.rules.english_text import (
    Cued,
    Span,
    goes_on,
    is_common,
    phrases,
    words_after,
)

_PLATFORM = (
    r"(?:snapchat|snap|sc|instagram|insta|ig|discord|disc|tik ?tok|roblox|rblx|fortnite|minecraft"
    r"|steam|xbox|xbl|psn|playstation|ps[45]|nintendo|switch|epic(?: games)?|twitch|twitter"
    r"|facebook|fb"
    r"|kik|telegram|tg|skype|line|kakao(?:talk)?|whatsapp|threads|youtube|yt|pinterest|reddit"
    r"|tumblr"
    r"|bereal|vsco|valorant|genshin(?: impact)?|brawl stars|clash royale|clash of clans|among us"
    r"|pokemon go|riot|apex|overwatch|battle\.?net|gamer ?tag|game center|douyin|bilibili|zoom)"
)
_NOUN = (
    r"(?:user ?names?|user ?id|user|login|handle|tag|gamer ?tag|account|acc|acct|name|id|uid|ign|@)"
)
_ID = re.compile(r"@?[a-z0-9_](?:[a-z0-9._-]{0,30}[a-z0-9_])?(?:#\d{2,8})?(?![a-z0-9@])", re.ASCII)
_MEETING = re.compile(r"\d{3,4}(?:[ -]?\d{3,4}){2}(?!\d)", re.ASCII)
_NO_ID = re.compile(
    r"(?:level|lvl|rank|lv|ep|episode|season|chapter|part|day|page|top|v)\d+|\d{1,4}|\d+(?:st"
    r"|nd|rd|th|k|m"
    r"|x|hrs?|h|min|mins|pm|am|fps|gb|v\d|%)|ps[45]|\d+\.\d+"
)


def _account(match: Match) -> Span | None:
    plain, start = match.reading.plain, match.end
    pattern = _MEETING if match.match["platform"] == "zoom" else _ID
    found = pattern.match(plain, start) or (
        _ID.match(plain, start) if pattern is _MEETING else None
    )
    if found is None or _NO_ID.fullmatch(found[0]):
        return None
    end = found.end() - (found[0].endswith(".") and 1)
    value = plain[start:end]
    words = words_after(match.reading, start)
    if not words or (len(value) < 3 and "_" not in value):
        return None
    if match.match["platform"] == "whatsapp" and re.match(r" \d", plain[end : end + 2]):
        return None  # a number that is read out
    if value.startswith("@"):
        return start, end, 0.9
    typed = match.reading.original(start, end)
    marked = bool(re.search(r"[0-9_.#]", value)) or bool(re.search(r"[a-z][A-Z]", typed))
    if marked and not is_common(words[0]):
        return (start, end, 0.88) if match.match["says"] or len(value) > 4 else None
    said = match.match["noun"] is not None and match.match["says"].strip() != ""
    if said and not is_common(words[0]) and goes_on(words, 1):
        return start, end, 0.75
    return None


def _wechat(match: Match) -> Span | None:
    """An id that is surely WeChat's, though the word "id" stands for any platform's."""
    found = _account(match)
    return found and (*found[:2], max(found[2], 0.93))


def _tagged(match: Match) -> float | None:
    return None if re.search(r"(?:密码|pass|pw)", match.before(20)) else 0.85


def rules() -> tuple[Rule, ...]:
    """Ids behind the name of a platform or the word username, and handles."""
    says = r"(?P<says>(?: ?(?:is|was|it's|its|:|=|：|-|called|named|would be|at|just)){0,2} ?)"
    return (
        Cued(
            "account.platform",
            Kind.ACCOUNT,
            rf"(?<![a-z])(?P<platform>{_PLATFORM})(?:'s)?(?: me)?(?: (?P<noun>{_NOUN}|meeting"
            rf"(?: id)?))?"
            rf"(?: (?:on|for|in) (?:it|there|{_PLATFORM}))?(?: (?:as|under))?(?=[ :=：-]){says}",
            trigger=_PLATFORM,
            span=_account,
        ),
        Cued(
            "wechat.english",
            Kind.WECHAT,
            rf"(?<![a-z])(?P<platform>{phrases('english_topics', 'wechat')})(?:'s)?(?:"
            f" (?P<noun>id|name|number|account"
            r"|user ?name))?"
            r"(?: me)?(?=[ :=：])(?P<says>(?: ?(?:is|it's|:|=|：|at))?(?: just)? ?)",
            trigger="w",
            span=_wechat,
        ),
        Cued(
            "account.username",
            Kind.ACCOUNT,
            rf"(?<![a-z])(?P<noun>user ?names?|log ?in(?= is|:)|gamer ?tag|in[- ]?game name|ign"
            rf"|friend code|player id"
            rf"|game (?:id|name)|screen ?name|user ?id|uid|my (?:id|user|handle|tag|acc|account))"
            rf"(?: (?:on|for|in) (?:[a-z]+ )?(?P<platform>[a-z]+))?(?=[ :=：-]){says}",
            trigger=r"user|tag|name|id|ign|code|handle|acc|log",
            span=_account,
        ),
        Cued(
            "account.added",
            Kind.ACCOUNT,
            rf"(?<![a-z])(?:add|follow|find|friend|message|dm|text|search(?: for| up)?|look up)"
            rf"(?: me)?"
            rf"(?:,? (?:i'm|im|i am))?(?: (?P<noun>as|under|at|@))?(?P<says> )(?P<platform>)"
            rf"(?=@?[a-z])"
            rf"(?=@|[a-z0-9._#-]{{3,40}} on {_PLATFORM})",
            trigger=rf"@| on {_PLATFORM}",
            span=_account,
        ),
        Rule(
            "account.i_am",
            Kind.ACCOUNT,
            rf"(?:i'm|im|i am|it's|its|known as|called|name is) "
            rf"(?P<value>@?[a-z0-9_.]*[0-9_][a-z0-9_.]*"
            rf"(?:#\d{{3,6}})?) on (?:my )?{_PLATFORM}(?![a-z])",
            trigger=rf" on (?:my )?{_PLATFORM}",
            score=0.88,
        ),
        Rule(
            "account.discord",
            Kind.ACCOUNT,
            r"(?<![\w#.])[a-z][a-z0-9._]{1,31}#\d{4}(?!\w)",
            trigger=r"[a-z0-9]#\d{4}",
            check=_tagged,
        ),
    )
