"""What a value is said to be: the word for it that stands next to it (QQ是…, …是我的QQ).

Of several words in front of a value the nearest counts, so that in 手机密码是… it is a password,
and in 订单号… nothing of anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.pii.rule import Match

_REACH = 32
_TOLD_WITHIN = 12
_INHERITED_WITHIN = 8
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_GENERIC = re.compile(r"号码?|我.{0,2}号|[账帐][号户]|id|好友码|用户名")
_NUMBERED = frozenset({"qq", "wechat", "account", "bank_card", "identity", "passport", "plate"})
_SENTENCE_END = re.compile(r"[。!?;\n]")
_SEVERAL = r"[a-z0-9_.@#*-]{3,32}[,，、/ 和跟或]{1,3}(?:还有|另一个|另外|小号|大号|也)?是?"


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a value is said to be.

    topic: a key of `introductions.yaml`, empty where nothing is said.
    word: the words that say it.
    direct: nothing but linking words stands between them and the value.
    gap: what stands between.
    """

    topic: str = ""
    word: str = ""
    direct: bool = False
    gap: str = ""

    @property
    def explicit(self) -> bool:
        """Whether a number or an id is named: QQ号, not just QQ."""
        return is_explicit(self.word)


class _Words(Frozen):
    topics: Mapping[str, tuple[str, ...]]
    suffix: str
    link: str
    link_words: str
    things: str
    technical: str
    short: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Patterns:
    said: re.Pattern[str]
    link: re.Pattern[str]
    behind: re.Pattern[str]
    tail: re.Pattern[str]


def introduction(match: Match) -> Introduction:
    """What stands next to the value, in its sentence; nothing said is an empty topic."""
    patterns = _patterns()
    clause = _SENTENCE_END.split(match.before(_REACH))[-1]
    spoken = list(patterns.said.finditer(clause))
    last = spoken[-1] if spoken else None
    gap = clause[last.end() :] if last else ""
    direct = last is not None and _leads_to(last["word"], gap)
    if not direct:
        after = match.after(_REACH)
        if (behind := patterns.behind.match(after) or patterns.tail.match(after)) is not None:
            return Introduction(_topic(behind), behind["word"] or "", direct=True)
    return Introduction(_meant(spoken), last["word"], direct, gap) if last else Introduction()


def _meant(spoken: list[re.Match[str]]) -> str:
    """The topic of the last word; 号码 in 腾讯会议，号码… is one of what was spoken of before."""
    last = spoken[-1]
    if len(spoken) > 1 and _GENERIC.fullmatch(last["word"]):
        earlier = spoken[-2]
        near = last.start() - earlier.end() <= _INHERITED_WITHIN
        if near and _topic(earlier) in _NUMBERED:
            return _topic(earlier)
    return _topic(last)


def topics_near(match: Match, reach: int = 40) -> tuple[str, ...]:
    """What is spoken of around the value, the nearest first."""
    said, front = _patterns().said, match.before(reach)
    near = [(word.start(), _topic(word)) for word in said.finditer(match.after(reach))]
    near += [(len(front) - word.end(), _topic(word)) for word in said.finditer(front)]
    return tuple(topic for _, topic in sorted(near))


def _leads_to(word: str, gap: str) -> bool:
    """Whether a gap says that what follows is the thing: QQ号是…, QQ号有9位，是…."""
    if "不是" in gap:
        return False
    told = is_explicit(word) and len(gap) <= _TOLD_WITHIN and gap.rstrip().endswith(("是", ":"))
    return told or _patterns().link.fullmatch(gap) is not None


def is_explicit(word: str) -> bool:
    """Whether a number or an id is named: QQ号, not just QQ."""
    return word.endswith(("号", "码", "id", "户", "名", "名字", "昵称", "迪"))


def names_topic(value: str) -> bool:
    """Whether a value is itself one of the words: kuaishou."""
    return _patterns().said.fullmatch(value) is not None


def is_thing(match: Match) -> bool:
    """Whether letters and digits name a thing, iphone15, or are a matter of computers."""
    letters = re.split(r"[\d_.-]", match.value, maxsplit=1)[0]
    words = _words()
    around = f"{match.before(_REACH)}|{match.after(_TOLD_WITHIN)}"
    return letters in words.things.split() or re.search(words.technical, around) is not None


def words_for(topic: str) -> str:
    """A pattern for the words of one topic, as the trigger of a rule."""
    return "|".join(_words().topics[topic])


def any_words_for(topic: str) -> str:
    """The same, with the short ones that count behind a value only."""
    return "|".join((*_words().topics[topic], *_words().short.get(topic, ())))


def _topic(match: re.Match[str]) -> str:
    named = match.groupdict()
    return next(name for name in _words().topics if named.get(name) or named.get(f"short_{name}"))


@lru_cache(maxsize=1)
def _words() -> _Words:
    return load(files("qiaoban_guards") / "pii" / "data" / "introductions.yaml", _Words)


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    words = _words()
    topics = "|".join(f"(?P<{name}>{words_for(name)})" for name in words.topics)
    said = f"(?P<word>(?:{topics}){words.suffix}?)"
    named = r"\(|[,，]?(?:这个?|那个?)?(?:就|才|也|都)?是[^,，。!?\d]{0,8}?"
    ours = r"[,， ]{1,2}[我俺咱][爸妈爷奶哥姐弟妹家的]{0,4}"
    behind = rf"[ \"')\]】”]{{0,3}}(?:{named}|(?P<ours>{ours})){said}(?(ours)(?=[,，。!?~ ]|$))"
    short = "|".join(
        f"(?P<short_{name}>{'|'.join(those)})(?=的|那个|上)" for name, those in words.short.items()
    )
    tail = (
        rf"[ \"')\]】”]{{0,3}}[,，、(]{{0,2}} ?(?:[加搜找]?[这那]个,?)?(?:就?是)?[我你他她]?的?"
        rf"(?:{said}|{short})(?:的|那个|那边|上面?的?|里面?的?)?(?=[,，。!?~)）;…\n]|$)"
    )
    linking = rf"(?:{'|'.join(words.link_words.split())}|[{words.link}])"
    return _Patterns(
        re.compile(said, re.ASCII),
        re.compile(rf"[^a-z0-9{_HAN}]*(?:{linking}[^a-z0-9{_HAN}]*)*(?:{_SEVERAL})?", re.ASCII),
        re.compile(behind, re.ASCII),
        re.compile(tail, re.ASCII),
    )
