"""Ids by which a child can be reached elsewhere: QQ, WeChat, other platforms, games, meetings.

An id is only letters and digits, so each rule asks what it is said to be. A mobile number that is
said to be an id stays a telephone number.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.facts import mobile_prefixes
from qiaoban_guards.pii.introductions import (
    Introduction,
    introduction,
    is_thing,
    names_topic,
    topics_near,
)
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.numbers import calculated, counted
from qiaoban_guards.pii.rule import Match, Rule
from qiaoban_guards.pii.rules import nicknames

_END = r"(?![a-z0-9_@]|[.-][a-z0-9])"
_START = r"(?<![a-z0-9_.-])(?<![a-z0-9]@)"
_NUMBER = rf"(?<!\d)(?<!\d[.-])[1-9](?:[ -]?\d){{4,11}}{_END}"
_WECHAT_ID = rf"{_START}[a-z][a-z0-9_.-]{{3,18}}?[a-z0-9_](?:(?=qq\d{{5}})|{_END})"
_WECHAT_RAW = rf"{_START}wxid_[a-z0-9]{{6,24}}{_END}"
_WECHAT_GLUED = (
    rf"(?:{_START}(?:vx|wx|weixin)|(?<=加)v)"
    rf"(?P<value>(?!id_)[a-z0-9][a-z0-9_.-]{{3,18}}[a-z0-9_]){_END}"
)
_ACCOUNT = (
    rf"{_START}(?P<value>(?:sw-)?\d{{3,4}}(?:[ -]\d{{3,4}}){{1,3}}"
    rf"|@?[a-z0-9_][a-z0-9_.-]{{2,30}}[a-z0-9_](?:#\d{{3,6}})?){_END}"
)
_AT_GLUED = (
    r"(?<![a-z])(?:ins|insta|ig|tg|dc|snap|tiktok|line|x)(?P<value>@[a-z0-9_][a-z0-9_.]{2,29})"
    r"(?![a-z0-9_.]|@)"
)
_UID = rf"{_START}[a-z]{{2,9}}(?P<value>\d{{5,12}}){_END}"
_ADDED = re.compile(
    r"(?:加(?:个|一下|下)?(?:我|[他她你]|我?们?(?:妈妈?|爸爸?|姐姐?|哥哥?|弟弟?|妹妹?|老师))?(?:的)?"
    r"(?:好友|小号|大号|号)?|扩列|私我?)[ :,，一下吧哦呀]{0,4}$"
)
_GIVEN = re.compile(
    r"(?:[我他她妈爸姐哥]的(?:那个)?(?:小号|大号|新号|号)?|[小大新]号|(?:了|是|叫)一?个|给(?:了)?(?:[他她你]|人家)了?我?的?"
    r"|(?:打|写|发|报|填|留|告诉)(?:了|给了?|的是)?(?:[他她你])?了?|(?:关注|搜|滴滴|戳|找|dd)(?:一下|下|我)*|互[粉关赞]吗?)"
    r"[ :,，是]{0,3}$"
)
_ID = re.compile(r"(?=.*[\d_-])[a-z][a-z0-9_.-]{5,19}|[1-9]\d{5,11}", re.ASCII)
_LIKE_AN_ID = re.compile(
    r"(?=.{6,20}$)(?=.*[a-z])(?=(?:.*[A-Za-z]){3})(?=.*_|(?:.*\d){2})[A-Za-z][A-Za-z0-9_.-]+",
    re.ASCII,
)
_VIDEO = re.compile(r"[ab]v[a-z0-9]{8,12}", re.ASCII)
_PLATFORMS = frozenset({"qq", "wechat", "account"})
_FREE = _PLATFORMS | {""}
"""What may be spoken of in front of an id that is given away some words later."""
_OURS = re.compile(r"我(?:的|家|妈|爸|哥|姐|弟|妹){0,3}[a-z ]{0,10}$")
_CLAUSE_ENDS = re.compile(r"[哦呀啦哈呢]?(?:[,，。!?~;)\n]|$)")
_DIGIT = re.compile(r"\d", re.ASCII)
_SHAPED = re.compile(r"[\d_.-]", re.ASCII)
_ABOUT_IT = re.compile(r" ?(?:的?(?:软件|公司|开发|app)|里面?|上面?|(?:wei ?xin|app|pay)(?![a-z]))")
_HAN = re.compile("[\u4e00-\u9fff]")
_EQUATED = re.compile(r"[号码] ?$|[是:=叫为加搜@]|换成|改成")


def rules() -> tuple[Rule, ...]:
    """Rules for ids; without the word for a platform next to it nothing is one."""
    return (
        Rule("qq.number", Kind.QQ, _NUMBER, digits=True, check=_qq),
        Rule("wechat.id", Kind.WECHAT, _WECHAT_ID, digits=True, check=_wechat),
        Rule("wechat.raw", Kind.WECHAT, _WECHAT_RAW),
        Rule("wechat.glued", Kind.WECHAT, _WECHAT_GLUED, digits=True, check=_glued),
        Rule("wechat.number", Kind.WECHAT, _NUMBER, digits=True, check=_wechat_number),
        Rule("account.uid", Kind.ACCOUNT, _UID, digits=True, check=_account),
        Rule("account.glued", Kind.ACCOUNT, _AT_GLUED, trigger="@"),
        Rule("account.id", Kind.ACCOUNT, _ACCOUNT, digits=True, check=_account),
        *nicknames.rules(),
    )


def _is_amount(match: Match) -> bool:
    return match.value[-1].isdigit() and (counted(match) or calculated(match))


def _qq(match: Match) -> float | None:
    if _is_amount(match) or _is_mobile(match.number):
        return None
    said = introduction(match)
    if said.word == "扣" and len(set(match.number)) == 1:
        return None  # 扣666666: what one types to agree
    if said.topic == "qq" and said.direct:
        return 0.94
    if said.topic in _FREE and _given_as(match, "qq"):
        return 0.8
    added = not said.topic and len(match.number) >= 7 and _ADDED.search(match.before(10))
    return 0.65 if added else None


def _given_as(match: Match, topic: str) -> bool:
    """Whether of all platforms that are spoken of around an id the one of `topic` is nearest.

    A number must be given to somebody; nn_snowbear is shaped like nothing but an id.
    """
    if _ID.fullmatch(match.value) is None or _VIDEO.fullmatch(match.value):
        return False
    before = match.before(12)
    given = _ADDED.search(before) or _GIVEN.search(before)
    if not given and (is_thing(match) or not _LIKE_AN_ID.fullmatch(match.typed)):
        return False
    near = (one for one in topics_near(match) if one in _PLATFORMS)
    return next(near, "") == topic


def _wechat(match: Match) -> float | None:
    said = introduction(match)
    if said.topic == "wechat" and said.direct:
        if names_topic(match.value):
            return None
        if _SHAPED.search(match.value):
            return 0.94
        if _HAN.search(match.reading.plain) is None:
            return None  # the English rules read "wechat every day"
        told = said.explicit or _EQUATED.search(said.gap) or not said.gap.strip()
        return 0.85 if told and not _ABOUT_IT.match(match.after(8)) else None
    if said.topic in _FREE and _given_as(match, "wechat"):
        return 0.75
    added = not said.topic and _ADDED.search(match.before(10))
    return 0.65 if added and _DIGIT.search(match.value) else None


def _glued(match: Match) -> float | None:
    return 0.9 if _DIGIT.search(match.value) and not _is_mobile(match.value) else None


def _wechat_number(match: Match) -> float | None:
    if _is_amount(match) or _is_mobile(match.number):
        return None
    said = introduction(match)
    told = said.topic == "wechat" and said.direct
    return 0.9 if told or (said.topic in _FREE and _given_as(match, "wechat")) else None


def _account(match: Match) -> float | None:
    said = introduction(match)
    if _is_amount(match) or _is_mobile(match.value) or names_topic(match.value):
        return None
    if said.topic == "account" and said.direct and (score := _said_to_be(match, said)) is not None:
        return score
    return 0.75 if said.topic in _FREE and _given_as(match, "account") else None


def _said_to_be(match: Match, said: Introduction) -> float | None:
    number = match.value.isdecimal()
    if number and len(match.value) < 5:
        return None
    if match.value.isalpha() and said.word.isascii():
        return 0.7 if _is_ours(match, said) else None
    if said.explicit and (_SHAPED.search(match.value) or not said.gap or _EQUATED.search(said.gap)):
        return 0.92
    told = _EQUATED.search(said.gap) or not said.gap.strip() or match.value[0] == "@"
    if not told or not (_SHAPED.search(match.value) or match.value[0] == "@"):
        return None
    return 0.85 if len(match.number) >= 6 or not number else None


def _is_ours(match: Match, said: Introduction) -> bool:
    """Whether a word is an id: 我ins是sunnylulu, and no more is said of it."""
    front = match.before(24).removesuffix(said.gap)
    return (
        len(match.value) >= 5
        and "是" in said.gap
        and _OURS.search(front) is not None
        and _CLAUSE_ENDS.match(match.after(2)) is not None
    )


def _is_mobile(number: str) -> bool:
    return len(number) == 11 and number.isdecimal() and int(number[:3]) in mobile_prefixes()
