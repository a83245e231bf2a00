"""E-mail and web addresses, also where they touch Han characters or are spelled out."""

from __future__ import annotations

import re

from qiaoban_guards.pii.facts import domains
from qiaoban_guards.pii.introductions import introduction
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule

_LOCAL = r"(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{0,63}"
_EMAIL = rf"{_LOCAL}@(?:[a-z0-9-]{{1,63}}\.){{1,6}}[a-z]{{2,18}}(?![a-z0-9])"
_AT = r"(?: ?@ ?| ?[\[({<]at[\])}>] ?| at | ?(?:艾特|爱特|圈a|小老鼠) ?)"
_DOT = r"(?: ?[.。,，·] ?| ?[\[({<]dot[\])}>] ?| dot | ?点 ?)"
_SCHEME = r"(?<![a-z0-9])(?:https?|ftp)[:：]/{1,2}"
_PATH_END = r"[a-z0-9/_=&#%+~-]"
_LINK = rf"{_SCHEME}[!-~]{{0,2000}}{_PATH_END}"
_HOST = r"(?<![a-z0-9@._-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,6}"
_PATH = rf"(?:[/?#:](?:[!-~]{{0,500}}{_PATH_END})?)"
_ADDRESS = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{2,5})?(?![\d.])"
_PRIVATE = re.compile(r"(?:0|10|127|192\.168|172\.(?:1[6-9]|2\d|3[01])|255|8\.8)\.")
_NAMED = re.compile(r"[a-z]|\d{3}", re.ASCII)
_ASKED = re.compile(" ?(?:是(?:什么|啥)|怎么[念读])")
_PLACED = re.compile(r"^[a-z]+ at [a-z0-9-]+(?: ?\. ?[a-z0-9-]+)+$", re.ASCII)
_HOSTED = re.compile(r" at (?:g?mail|yahoo|hotmail|outlook|icloud|qq|163|126|live)\.", re.ASCII)
_SERVER = re.compile(r"服务器|(?<![a-z])ip(?![a-z])|网址|server")


def rules() -> tuple[Rule, ...]:
    """Rules for addresses; a site that everybody knows, named without a path, is none."""
    ends = "|".join((*_longest_first(domains().plain), r"[a-z]{2,3}\.(?:cn|hk|tw|uk|jp|au|nz|sg)"))
    short = "|".join(_longest_first(domains().with_path))
    hosts = "|".join(_longest_first(domains().mail))
    spelled = rf"{_LOCAL}{_AT}(?:[a-z0-9-]{{1,30}}{_DOT}){{1,3}}(?:com|cn|net|org|edu)(?![a-z0-9])"
    slip = rf"{_LOCAL} ?[@#] ?(?:{hosts})[ .。,，·点]{{1,2}}(?:com|cn|net)(?![a-z0-9])"
    bare = rf"{_HOST}(?:(?:{ends})(?![a-z0-9-]|\.[a-z0-9]){_PATH}?|(?:{short}){_PATH})"
    www = (
        rf"(?<![a-z0-9])www(?:{_DOT}[a-z0-9-]{{1,60}}){{1,4}}{_DOT}(?:{ends})(?![a-z0-9-]){_PATH}?"
    )
    at = "@|at|艾特|爱特|圈a|小老鼠"
    return (
        Rule("email.address", Kind.EMAIL, _EMAIL, 0.98, trigger="@"),
        Rule("email.spelled", Kind.EMAIL, spelled, trigger=at, digits=True, check=_spelled),
        Rule("email.slip", Kind.EMAIL, slip, 0.96, trigger="[@#]", digits=True),
        Rule("url.link", Kind.URL, _LINK, 0.97, trigger=r"[:：]/"),
        Rule("url.www", Kind.URL, www, 0.97, trigger="www"),
        Rule("url.bare", Kind.URL, bare, trigger=r"[a-z0-9]\.[a-z]", check=_bare),
        Rule("url.server", Kind.URL, _ADDRESS, trigger=r"\d\.\d", check=_server),
    )


def _longest_first(names: tuple[str, ...]) -> list[str]:
    return sorted(names, key=len, reverse=True)


def _spelled(match: Match) -> float | None:
    """With "at" alone between words and a host, poems at paperboats.example.com, it is no mail."""
    if _ASKED.match(match.after(8)):
        return None
    placed = _PLACED.search(match.value) and _HOSTED.search(match.value) is None
    return None if placed and "mail" not in match.before(40) else 0.97


def _bare(match: Match) -> float | None:
    host = re.split(r"[/?#:]", match.value, maxsplit=1)[0]
    path = match.value[len(host) :].strip("/")
    if not _NAMED.search(host.rpartition(".")[0]) or (host in domains().known and not path):
        return None
    return 0.96


def _server(match: Match) -> float | None:
    if _PRIVATE.match(match.value):
        return None
    return 0.8 if _SERVER.search(match.before(16)) and not introduction(match).direct else None
