"""A second view of a message: what was written so that nobody should read it.

Pinyin, initials, sound-alikes, digits and parts for characters, emoji, leet, letters set apart,
characters repeated: each is read back where it stands for a word of danger, and only there. The
view is judged beside the plain form, never in its place, because a reading may be wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import combinations, product
from typing import TypeAlias

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.text.normalise import Text
from qiaoban_guards.text.sentences import has_han

Trie: TypeAlias = "dict[str, Trie | str]"
_WORD = ""
"""The key of a trie's node under which a word that ends there has its meaning."""
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_SEPARATOR = frozenset(" \t.,*-_/|\\+~·•^#@&=、，。'\"`!！:：;；…()（）[]【】<>《》")
_MOST_SEPARATORS = 3
_MOST_LAYERS = 4
_PUNCTUATION = "、，。,!！?？;；:：…\n'\"()（）[]【】<>《》"
_GAP = re.compile(rf"(?<=[{_HAN}])[^\w\n](?=[{_HAN}])")
_FEWEST_GAPS = 2
_ANY_HAN = re.compile(rf"[{_HAN}]")
_PINYIN = re.compile(r"(?<![a-z0-9])[a-z]{6,30}(?![a-z0-9])")
_REPEATED = re.compile(r"([^\s\d哈嘿呵嘻啊呜嗯哦噢喔耶呀咚嗒滴h.。…!！?？~～-])\1{2,}")
_LETTERS_APART = re.compile(
    r"(?<![a-z0-9])[a-z0-9$@!](?:[ .\-_*/|~]{1,2}[a-z0-9$@!]){2,}(?![a-z0-9])"
)
_TOKEN = re.compile(r"[a-z0-9$@!|+*]*[a-z](?:[a-z0-9$@!|+*]*[a-z0-9$@])?")
_DISGUISED = re.compile(r"[^a-z]|(.)\1")
_LEET = str.maketrans("013457$@!|+", "oieastsaiit")


class Reading(Frozen):
    """How one character is typed otherwise: its syllable, and what stands in its place."""

    pinyin: str
    others: str = ""

    @property
    def sounds(self) -> tuple[str, ...]:
        """What is safely read where a second character is disguised too."""
        return (*(other for other in self.others if has_han(other)), self.pinyin)


class Evasions(Frozen):
    """What `evasions.yaml` says."""

    characters: Mapping[str, Reading]
    words: tuple[str, ...]
    everyday: tuple[str, ...]
    exact: Mapping[str, str]
    never: frozenset[str]
    counted: str
    parts: Mapping[str, str]
    emoji: Mapping[str, tuple[str, str]]
    english: frozenset[str]
    slang: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Tables:
    trie: Trie
    """Every evasion of Chinese words, character by character, to the word."""
    english: Mapping[str, str]
    """Words as they read after `_skeleton`, to the word."""
    counted: frozenset[str]
    emoji: Mapping[str, tuple[str, str]]
    everyday: frozenset[str]
    """Words too common to be read across a comma."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    meaning: str


def unmask(text: Text) -> Text:
    """Return the view of `text` with evasions read back; `text` itself where there are none.

    Time is linear in the length of the message.
    """
    tables = _tables()
    for _ in range(_MOST_LAYERS):  # an evasion may hide another
        seen = _edited(text, _set_apart(text.plain))
        seen = _edited(seen, _squeezed(seen.plain))
        seen = _edited(seen, _pictured(seen.plain, tables))
        seen = _edited(seen, _readings(seen.plain, tables))
        seen = _edited(seen, _english(seen.plain, tables))
        if seen.plain == text.plain:
            break
        text = seen
    return text


def _edited(text: Text, edits: list[_Edit]) -> Text:
    if not edits:
        return text
    plain: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for edit in edits:
        plain.append(text.plain[position : edit.start])
        starts += text.starts[position : edit.start]
        ends += text.ends[position : edit.start]
        if edit.meaning:
            start, end = text.span(edit.start, edit.end)
            plain.append(edit.meaning)
            starts += [start] * len(edit.meaning)
            ends += [end] * len(edit.meaning)
        position = edit.end
    plain.append(text.plain[position:])
    starts += text.starts[position:]
    ends += text.ends[position:]
    return Text(
        original=text.original, plain="".join(plain), starts=tuple(starts), ends=tuple(ends)
    )


def _set_apart(plain: str) -> list[_Edit]:
    """A mark that stands between most of the message's Han characters: 我.想.死."""
    gaps = list(_GAP.finditer(plain))
    if len(gaps) < _FEWEST_GAPS:
        return []
    mark, count = Counter(gap[0] for gap in gaps).most_common(1)[0]
    fewest = _FEWEST_GAPS + (mark in _PUNCTUATION)
    if count < fewest or 2 * count < len(_ANY_HAN.findall(plain)) - 1:
        return []
    return [_Edit(gap.start(), gap.end(), "") for gap in gaps if gap[0] == mark]


def _squeezed(plain: str) -> list[_Edit]:
    """A character typed three times or more is meant once, a letter at most twice; no digits."""
    return [
        _Edit(match.start(), match.end(), match[1] * (2 if _is_latin(match[1]) else 1))
        for match in _REPEATED.finditer(plain)
    ]


def _pictured(plain: str, tables: _Tables) -> list[_Edit]:
    if plain.isascii():
        return []
    han = has_han(plain)
    return [
        _Edit(place, place + 1, meaning[0] if han else f" {meaning[1]} ")
        for place, character in enumerate(plain)
        if (meaning := tables.emoji.get(character)) is not None
    ]


def _readings(plain: str, tables: _Tables) -> list[_Edit]:
    """The longest Chinese evasion at each place, from left to right."""
    edits: list[_Edit] = []
    toneless = plain if plain.isascii() else _toneless(plain)
    run_together = {run.start(): run.end() for run in _PINYIN.finditer(toneless)}
    position = 0
    while position < len(toneless):
        found: list[_Edit] = []
        if toneless[position] in tables.trie:
            longest = _longest(toneless, position, tables)
            end = run_together.get(position, position)
            found = [longest] if longest else _words_of(toneless, position, end, tables)
        edits += [edit for edit in found if edit.meaning != plain[edit.start : edit.end]]
        position = found[-1].end if found else position + 1
    if plain.isascii() and len(edits) == 1 and edits[0].meaning in tables.everyday:
        return []  # my mama is no Chinese
    return edits


def _words_of(plain: str, start: int, end: int, tables: _Tables) -> list[_Edit]:
    """A run of letters that is nothing but words in pinyin, babadawo, as its words."""
    read: dict[int, list[_Edit]] = {start: []}
    for place in range(start, end):
        if place not in read:
            continue
        node = tables.trie
        for stop in range(place, end):
            following = node.get(plain[stop])
            if not isinstance(following, dict):
                break
            node = following
            meaning = node.get(_WORD)
            if isinstance(meaning, str) and stop - place > 1:
                read[stop + 1] = [*read[place], _Edit(place, stop + 1, meaning)]
    return read.get(end, [])


def _longest(plain: str, start: int, tables: _Tables) -> _Edit | None:
    node = tables.trie
    found: _Edit | None = None
    position, gap, punctuated = start, 0, False
    while position < len(plain):
        character = plain[position]
        following = node.get(character)
        if isinstance(following, dict):
            node, gap = following, 0
            position += 1
            meaning = node.get(_WORD)
            if not isinstance(meaning, str) or (punctuated and meaning in tables.everyday):
                continue
            if _stands_alone(plain, start, position, tables):
                found = _Edit(start, position, meaning)
        elif character in _SEPARATOR and gap < _MOST_SEPARATORS:
            gap += 1
            position += 1
            punctuated = punctuated or character in _PUNCTUATION
        else:
            break
    return found


def _stands_alone(plain: str, start: int, end: int, tables: _Tables) -> bool:
    """Whether letters and digits at the edges do not go on outside."""
    before, first = plain[start - 1 : start], plain[start]
    last, after = plain[end - 1], plain[end : end + 1]
    if _is_latin(first) and (_is_latin(before) or before.isdigit()):
        return False
    if _is_latin(last) and (_is_latin(after) or after.isdigit()):
        return False
    if first.isdigit() and before.isdigit():
        return False
    if last.isdigit():
        return not after.isdigit() and (after == "" or after not in tables.counted)
    return True


def _is_latin(character: str) -> bool:
    return "a" <= character <= "z"


def _english(plain: str, tables: _Tables) -> list[_Edit]:
    apart: list[_Edit] = []
    for match in _LETTERS_APART.finditer(plain):
        letters = "".join(c for c in match[0] if c not in " .-_*/|~")
        if (word := tables.english.get(_skeleton(letters))) is not None:
            apart.append(_Edit(match.start(), match.end(), word))
    taken = {place for edit in apart for place in range(edit.start, edit.end)}
    edits: list[_Edit] = []
    for match in _TOKEN.finditer(plain):
        if match.start() not in taken and _DISGUISED.search(match[0]):
            word = tables.english.get(_skeleton(match[0]), match[0])
            if word != match[0]:
                edits.append(_Edit(match.start(), match.end(), word))
    return sorted([*apart, *edits], key=lambda edit: edit.start)


def _skeleton(word: str) -> str:
    """A word's letters without leet and without doubling: k1lll and kill are kil."""
    letters = word.translate(_LEET).replace("*", "")
    return re.sub(r"(.)\1+", r"\1", letters)


@lru_cache(maxsize=4096)
def _bare(character: str) -> str:
    bare = unicodedata.normalize("NFD", character)[0]
    return bare if _is_latin(bare) else character


def _toneless(plain: str) -> str:
    return "".join(c if c.isascii() or c >= "\u2e80" else _bare(c) for c in plain)


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    data = load(files("qiaoban_guards") / "text" / "evasions.yaml", Evasions)
    trie: Trie = {}
    for spelling, meaning in _spellings(data):
        node = trie
        for character in spelling:
            following = node.setdefault(character, {})
            assert isinstance(following, dict)  # noqa: S101 - only `_WORD` leads to a string
            node = following
        node.setdefault(_WORD, meaning)
    return _Tables(
        trie=trie,
        english={_skeleton(word): word for word in data.english},
        counted=frozenset(data.counted),
        emoji=data.emoji,
        everyday=frozenset((*data.everyday, *data.parts.values())),
    )


def _spellings(data: Evasions) -> Iterator[tuple[str, str]]:
    for spelling, meaning in (*data.exact.items(), *data.slang.items(), *data.parts.items()):
        yield spelling, meaning
    for word in (*data.words, *data.everyday):
        for spelling in _variants(word, data.characters):
            if spelling not in data.never:
                yield spelling, word


def _variants(word: str, characters: Mapping[str, Reading]) -> Iterator[str]:
    """`word`, all of it in pinyin, and with one or two characters written otherwise.

    A single letter stands for one character at most: two are initials of too many words.
    """
    yield word
    known = [place for place, character in enumerate(word) if character in characters]
    if len(known) == len(word):
        yield "".join(characters[character].pinyin for character in word)
    for place in known:
        for other in (*characters[word[place]].others, characters[word[place]].pinyin):
            yield word[:place] + other + word[place + 1 :]
    for first, second in combinations(known, 2):
        for one, other in product(characters[word[first]].sounds, characters[word[second]].sounds):
            yield word[:first] + one + word[first + 1 : second] + other + word[second + 1 :]
