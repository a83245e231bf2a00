"""Cutting a stream of text pieces into sentences that can be judged whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from qiaoban_guards.text.sentences import CLOSERS, sentence_end

_FINAL_PARTICLES = "吧呢啊哦呀啦嘛吗哈喔哟噢咯呗"


_STEERING = dict.fromkeys(
    (
        *range(9),
        11,
        12,
        *range(14, 32),
        *range(0x7F, 0xA0),
        0x061C,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFEFF,
    )
)
"""Characters that steer a screen: with them other words would be shown than were read."""


def visible(text: str) -> str:
    """A text without the characters that would make a screen show something else."""
    return text.translate(_STEERING)


class Segmenter:
    """Collects pieces and hands out whole sentences; how the text was cut changes nothing.

    Text without sentence ends is handed out in stretches of `longest` characters, once `overlap`
    more have come: a phrase that lies across the cut has then been seen whole, by whoever reads
    `ahead` along with the stretch.
    """

    def __init__(self, longest: int, overlap: int) -> None:
        self._longest, self._overlap = longest, overlap
        self._text: str = ""
        self._is_cut = False

    @property
    def pending(self) -> str:
        """What has come and was not handed out yet."""
        return self._text

    @property
    def ahead(self) -> str:
        """What has to be read along with the sentence handed out last: nothing behind a whole one.

        Behind a cut it is the overlap, however much more has come.
        """
        return self._text[: self._overlap] if self._is_cut else ""

    def feed(self, piece: str) -> Iterator[str]:
        """Take one piece; yield the sentences that are whole now."""
        self._text += visible(piece)
        yield from self._cut(final=False)

    def finish(self) -> Iterator[str]:
        """Nothing more comes: yield the rest."""
        yield from self._cut(final=True)

    def _cut(self, *, final: bool) -> Iterator[str]:
        most = self._longest + self._overlap
        while self._text:
            # One character more than fits decides; what lies behind it must not matter.
            whole = final and len(self._text) <= most
            end = sentence_end(self._text[: most + 1], 0, final=whole)
            if end is None and len(self._text) <= most:
                return
            self._is_cut = end is None or end > most
            if end is None or self._is_cut:
                end = self._longest
            sentence, self._text = self._text[:end], self._text[end:]
            yield sentence


def is_complete(sentence: str) -> bool:
    """Whether a text reads as finished: it ends in punctuation, a particle or a symbol."""
    bare = sentence.rstrip().rstrip(CLOSERS.translate({ord("~"): None, ord("～"): None}))
    if not bare:
        return bool(sentence.strip())
    return (
        bare[-1] in _FINAL_PARTICLES
        or bare[-1] in "。！？!?….~～"
        or sentence.endswith("\n")
        or sentence.rstrip()[-1] in "）)】》」』”’"
        or unicodedata.category(bare[-1]) in ("So", "Sk", "Mn", "Cf")
    )
