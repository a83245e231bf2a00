"""Names in Han characters by which a player or a user is found: 星河丶小鹿, 柠檬不酸鸭_."""

from __future__ import annotations

import re

from qiaoban_guards.pii.introductions import any_words_for, introduction, names_topic, topics_near
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Rule

_SIGNS = "丶灬ゞ丨彡メぃ乄乀々゜ヽヾ〆ッツ"
_CHARACTER = rf"[\u4e00-\u9fffa-z0-9_{_SIGNS}·-]"
_END = r"(?:微信|qq|安卓|苹果|手q)区|[哦呀啦哈呢]?(?:[,，。!?~;；)） \n\"'”」]|$)"
_TOLD = (
    rf"(?<=[是叫做为:搜索下我@]) ?(?P<value>@?(?=.{{0,3}}[\u4e00-\u9fff])[\u4e00-\u9fff{_SIGNS}]"
    rf"{_CHARACTER}{{1,11}}?)(?=就[行能好可]|的?密码|{_END})"
)
_AT = rf"(?<![a-z0-9])(?P<value>@[\u4e00-\u9fff{_SIGNS}]{_CHARACTER}{{1,11}}?)(?={_END})"
_SIGNED = (
    r"(?:是|叫做?|为|:|,(?!.{0,4}[名号叫是])|(?=@)|搜一?下?|关注(?:我|一下|下)*|[号名]字?|昵称"
    r"|(?<![a-z])id)"
    r"(?:就?是|叫做?|为)?[ :]?"
    rf"(?P<value>(?![是叫为])@?(?:[{_SIGNS}]{_CHARACTER}{{2,12}}?"
    rf"|[\u4e00-\u9fff][\u4e00-\u9fffa-z0-9]{{1,7}}[{_SIGNS}_]{_CHARACTER}{{0,6}}?))"
    rf"(?=就[行能好可]|的?密码|{_END})"
)
_NAMED = re.compile(
    r"(?:[我他她你妈爸姐哥弟妹的那个这小大号里上面名字昵称网游戏]{0,8}|是[^,，]{1,4}的[,，])"
    r" ?(?:就?是|叫做?|为|搜索?一?下?:?|:|@|关注(?:我|一下|下)*) ?"
)
_NO_NICKNAME = re.compile(
    "[了过着我你您他她它谁哪啥被什咋怎几已因为妈爸]|多少|一[个些样直定起共下]|可[以能是]|[真假错对]的|对[了吗]"
    "|不[是知会能要可行让想对告给准许同错一]|没|要[是不]|[这那][个是样种]|会[被员]|用[的了来我手]|[从和跟随]"
    "|个|[别请][提说问加看]|.*(?:的$|.了|注册|下载|实名|登录|绑定|封|打卡|视频$|推荐)"
)
_NAMES_NOBODY = re.compile("好友$|钉钉|学习通|会议|支付宝|淘宝|编号|代码|我.{0,2}号$")
_CALLED = re.compile("叫|搜|关注|@")
_OURS = re.compile("[我加]|头像")
_SEARCHED = re.compile("搜|关注")


def rules() -> tuple[Rule, ...]:
    """Rules for nicknames; one without signs counts only where it is said to be one."""
    told = "[是叫做为:搜索下我]"
    signed = f"[{_SIGNS}_]"
    return (
        Rule(
            "account.nickname",
            Kind.ACCOUNT,
            _TOLD,
            trigger=told,
            check=_told,
            words=any_words_for("account"),
        ),
        Rule("account.at", Kind.ACCOUNT, _AT, trigger="@", check=_at),
        Rule("account.signed", Kind.ACCOUNT, _SIGNED, trigger=signed, check=_signed),
    )


def _told(match: Match) -> float | None:
    if _NO_NICKNAME.match(match.value):
        return None
    said = introduction(match)
    if said.topic != "account" or _NAMED.fullmatch(said.gap) is None:
        return None
    if _NAMES_NOBODY.search(said.word):
        return None
    if not said.explicit and _CALLED.search(said.gap) is None:
        return None
    ours = f"{match.before(20)}|{match.after(14)}"
    if (_SEARCHED.search(said.gap) or said.word.startswith("游戏")) and not _OURS.search(ours):
        return None
    return None if names_topic(match.value) else 0.86


def _at(match: Match) -> float | None:
    """微博@草莓味的云: where a platform's name stands in front of it."""
    said = introduction(match)
    if said.topic != "account" or len(said.gap) > 4:
        return None
    return None if _NO_NICKNAME.match(match.value[1:]) else 0.9


def _signed(match: Match) -> float | None:
    """清风丶不语, 柠檬不酸鸭_: nothing but a nickname is spelled like that."""
    return 0.8 if "account" in topics_near(match, 24) else None
