r"""Masking what identifies a child: a first set of structured kinds, Chinese and English.

Patterns run on the plain form, where digits are ASCII; `\b` is not used, since it never holds
between Han characters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from qiaoban_guards.text import Text, normalise

KINDS: dict[str, re.Pattern[str]] = {
    "identity_number": re.compile(
        r"(?<![0-9a-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dx]"
        r"(?![0-9a-z])|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"
    ),
    "phone": re.compile(
        r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"
        r"|(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"
        r"|(?<!\d)(?:\+?1[-. ]?)?\(?[2-9]\d{2}\)?[-. ]\d{3}[-. ]\d{4}(?!\d)"
    ),
    "email": re.compile(r"[a-z0-9][a-z0-9._%+-]{0,40}@[a-z0-9-]{1,40}(?:\.[a-z]{2,12}){1,3}"),
    "messenger": re.compile(
        r"(?:qq|微信|威信|薇信|vx|wx|wechat|v信|抖音)(?:号码?|id)?(?:是|:|：|,|，| ){0,3}"
        r"([a-z0-9_-]{5,20})(?![a-z0-9_-])"
    ),
    "address": re.compile(
        r"(?:住在?|地址是?|家在)[:：]?([\u4e00-\u9fff]{0,16}?[a-z]?"
        r"(?:\d{1,4}|[一二三四五六七八九十]{1,3})(?:号楼|号院|号|栋|幢|座|弄|单元|室)"
        r"(?:[a-z]?\d{1,4}(?:号楼|号|栋|幢|座|单元|室|楼|层|门)?-?){0,4})"
        r"|(?<!\d)(\d{1,5} (?:[a-z]+ ){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court))"
    ),
}


def mask(original: str, kinds: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Replace personal data of the given kinds by `<kind>`; also return the kinds found."""
    text = normalise(original)
    masked: list[str] = []
    found: list[str] = []
    position = 0
    for start, end, kind in sorted(spans(text, kinds)):
        if start < position:
            continue  # the part of an earlier span
        masked += [original[position:start], f"<{kind}>"]
        found.append(kind)
        position = end
    masked.append(original[position:])
    return "".join(masked), tuple(dict.fromkeys(found))


def spans(text: Text, kinds: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, kind) in the original; spans of different kinds may overlap."""
    for kind, pattern in KINDS.items():
        if kind not in kinds:
            continue
        for match in pattern.finditer(text.plain):
            group = match.lastindex or 0
            yield *text.span(match.start(group), match.end(group)), kind
