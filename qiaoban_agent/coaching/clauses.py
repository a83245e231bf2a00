"""The clauses of a message, and which words of one are its event rather than its feeling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from qiaoban_agent.coaching.lexicon import Feeling
from qiaoban_guards.policy.schema import Language


class Span(NamedTuple):
    """A stretch `plain[start:end]`."""

    start: int
    end: int


_BREAK: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"[，,。.!！?？;；:：~～…、\n\s\"“”]+|(?<=.)(?=因为|所以|可是|但是|结果|然后(?!呢))"
    ),
    "en": re.compile(
        r"[,.!?;:~…\n\"()]+|\s[-–]\s|\s+(?=(?:because|cause|cuz|coz|cos|bc|but|and then|when)\b"
        r"|so\s+(?:i|he|she|they|we|it|my|the|now|then|mum|mom|dad)\b)"
        r"|\s+(?=and (?:i|he|she|they|we)\b)"
    ),
}
_BEFORE: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?:我|俺|人家|自己|心里|心情|现在|今天|就|都|也|还|又|真|觉得|感觉|感到|好|很|特别|超级?|"
        r"太|有点儿?|有些|非常|快|一直|总是?|老是?|让|弄得|害得|搞得|所以|可|挺|蛮|最|更|越来越|"
        r"差点|想|要|得|的|啊|呀|了(?=我))+$"
    ),
    "en": re.compile(
        r"(?:\b(?:and|so|but|i|i'm|im|am|was|i've|been|feel|feeling|felt|really|very|just|kinda|kind|"
        r"of|a|bit|little|super|sooo*|too|it|it's|its|that|makes?|made|me|is|pretty|still|getting|"
        r"got|the|such|extremely|totally|to|be)\b[\s,]*)+$"
    ),
}
_AFTER: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"^(?:死了|死我了|坏了|的|了|啊|呀|呢|吧|哦|是|就是|因为|由于|所以|到|得|地|着)+"
    ),
    "en": re.compile(
        r"^[\s,]*(?:(?:because|cause|cuz|coz|cos|bc|since|that|about|of|at|with|when|so|and|"
        r"but|now|too)\b[\s,]*)+"
    ),
}
_LEAD: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"^(?:因为|由于|都怪|就是因为|是因为|因|就是|可是|但是|所以|结果|然后|而且|还有|啊|哎呀?|唉|嗯+|那个)+"
    ),
    "en": re.compile(
        r"^(?:(?:because|cause|cuz|coz|cos|bc|since|but|so|and|then|well|um+|uh|like|just|omg)\b"
        r"[\s,]*)+"
    ),
}
_TRAIL = re.compile(r"[\s啊呀呢哦噢喔嘛哎唉哈呜哇嘤吧呗]+$")
_SHORTEST = {"zh": 3, "en": 6}


def clauses(plain: str, language: Language) -> list[Span]:
    """The clauses of a message, in order; marks and blanks between them belong to none."""
    spans: list[Span] = []
    start = 0
    for mark in [*_BREAK[language].finditer(plain), None]:
        end = mark.start() if mark else len(plain)
        if end > start:
            spans.append(Span(start, end))
        start = mark.end() if mark else end
    return spans


def event_of(
    plain: str, clause: Span, feelings: Sequence[Feeling], language: Language
) -> Span | None:
    """The part of a clause that tells what happened, without the feeling; None if none is left."""
    inside = [f for f in feelings if f.said and clause.start <= f.start and f.end <= clause.end]
    parts = [clause]
    if inside:
        first, last = min(f.start for f in inside), max(f.end for f in inside)
        parts = [
            _shrunk(plain, Span(clause.start, first), _BEFORE[language], at_end=True),
            _shrunk(plain, Span(last, clause.end), _AFTER[language], at_end=False),
        ]
        # Cut off on the left, a rest needs more words to tell something by itself.
        if parts[1].end - parts[1].start <= _SHORTEST[language] + 1:
            parts = parts[:1]
    bare = [_bare(plain, part, language) for part in parts]
    best = max(bare, key=lambda part: part.end - part.start)
    return best if best.end - best.start >= _SHORTEST[language] else None


def _shrunk(plain: str, part: Span, edge: re.Pattern[str], *, at_end: bool) -> Span:
    match = edge.search(plain[part.start : part.end])
    if match is None:
        return part
    if at_end:
        return Span(part.start, part.start + match.start())
    return Span(part.start + match.end(), part.end)


def _bare(plain: str, part: Span, language: Language) -> Span:
    """Without connectives before and sighs behind."""
    part = _shrunk(plain, part, _LEAD[language], at_end=False)
    part = _shrunk(plain, part, _TRAIL, at_end=True)
    text = plain[part.start : part.end]
    start = part.start + len(text) - len(text.lstrip(" ，,"))
    return Span(start, max(start, part.start + len(text.rstrip(" ，,"))))
