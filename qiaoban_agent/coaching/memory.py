"""What is remembered of a child: bounded, readable, erasable; nothing the policy forbids."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from qiaoban_agent.coaching.own_words import Vocabulary
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.schema import Language

AgeBand: TypeAlias = Literal["5-8", "9-12", "13-17"]
AGE_BANDS: tuple[AgeBand, ...] = ("5-8", "9-12", "13-17")
MOST = 8
"""Of each kind; the oldest goes first."""
LONGEST = 24
_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九十")}
_ENGLISH: dict[str, int] = {
    word: number
    for words in (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen",
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    )
    for number, word in enumerate(words.split(), start=1)
}
_GRADES: tuple[tuple[tuple[str, ...], AgeBand], ...] = (
    (
        ("大班", "中班", "小班", "幼儿园", "kindergarten", "preschool", "reception", "nursery"),
        "5-8",
    ),
    (("高", "初", "大学", "中考", "high school", "secondary", "middle school"), "13-17"),
)


class Memory(Frozen):
    """What is known of one child; every field may be empty.

    `people` and `things` are said the way the companion says them back; `cause` is what the talk
    is about; `tried` is what the child has done about it.
    """

    nickname: str = ""
    age: AgeBand | None = None
    likes: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    cause: str = ""

    def lasting(self) -> Memory:
        """What is still true in another conversation."""
        return Memory(nickname=self.nickname, age=self.age, likes=self.likes, people=self.people)

    def joined(self, later: Memory) -> Memory:
        """With what lasts of a later memory; where both know a fact, the later one is right."""
        return self.model_copy(
            update={
                "nickname": later.nickname or self.nickname,
                "age": later.age or self.age,
                "likes": _all_added(self.likes, later.likes),
                "people": _all_added(self.people, later.people),
            }
        )

    def kept(self, allowed: Collection[str]) -> Memory:
        """Only the kinds that a policy allows."""
        return Memory(**{name: getattr(self, name) for name in allowed})


def remembered(
    memory: Memory,
    plain: str,
    own: Mapping[str, str],
    language: Language,
    allowed: Collection[str],
    *,
    new_event: bool,
) -> Memory:
    """The memory after a message; `own` are its own words, `new_event` starts another story."""
    vocabulary = Vocabulary.shipped(language)
    if new_event:
        memory = memory.model_copy(update={"cause": "", "tried": ()})
    nickname = vocabulary.fact("nickname", plain)
    likes = vocabulary.fact("likes", plain)
    tried = vocabulary.fact("tried", plain)
    fuller = memory.model_copy(
        update={
            "nickname": nickname or memory.nickname,
            "age": age_band(plain, language) or memory.age,
            "likes": _added(memory.likes, likes),
            "people": _added(memory.people, own.get("person")),
            "things": _added(memory.things, own.get("thing")),
            "tried": _added(memory.tried, tried),
            "cause": own.get("cause", memory.cause),
        }
    )
    return fuller.kept(allowed)


def _added(known: tuple[str, ...], more: str | None) -> tuple[str, ...]:
    """With one thing more, the newest last."""
    if not more or len(more) > LONGEST:
        return known
    return (*(item for item in known if item != more), more)[-MOST:]


def _all_added(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """With several things more, the newest last."""
    return (*(item for item in known if item not in more), *more)[-MOST:]


def age_band(plain: str, language: Language) -> AgeBand | None:
    """The age band that a message tells, by age or by school year."""
    vocabulary = Vocabulary.shipped(language)
    if (age := _number(vocabulary.fact("age", plain))) is not None and 3 <= age <= 18:
        return band_of(age)
    grade = vocabulary.fact("grade", plain)
    if grade is None:
        return None
    for words, band in _GRADES:
        if any(word in grade for word in words):
            return band
    year = _number(grade)
    return None if year is None else band_of(year + (6 if language == "zh" else 5))


def band_of(age: int) -> AgeBand:
    """The band of an age in years."""
    return "5-8" if age <= 8 else "9-12" if age <= 12 else "13-17"


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if digits := "".join(c for c in text if c.isascii() and c.isdigit()):
        return int(digits[:2])
    if named := [_ENGLISH[word] for word in text.split() if word in _ENGLISH]:
        return named[0]
    values = [_DIGITS[c] for c in text if c in _DIGITS]
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    if values[0] == 10:
        return 10 + values[1]
    return values[0] * 10 + (values[1] % 10 if len(values) == 2 else values[2])
