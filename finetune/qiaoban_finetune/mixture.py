"""Several sources as one stream, in the shares that a run asks for.

    mixture = Mixture([Source(own), Source(general, share=0.25)], seed=42)
    for dialogue in mixture.epoch(0):
        ...

The sources with the greatest share are one's own data: each of their dialogues comes once an
epoch. Of a source with a smaller share are replayed, against forgetting, share / greatest as many
dialogues as all of one's own are together; what did not come in one epoch comes in the next, and
after its last dialogue a source begins again. So 1 and 0.25, and 0.8 and 0.2, are one general
dialogue for each four of one's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from random import Random

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import Turns, read

WINDOW = 4096
"""Dialogues that are in memory while their order is drawn; about 10 kB each."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder of dialogues and how often it is drawn."""

    path: Path
    form: str = "auto"
    share: float = 1.0
    licence: str = ""
    turns: Turns = "refuse"

    def dialogues(self) -> Iterator[Dialogue]:
        """Its dialogues in the order of the file; raises DataError as `formats.read` does."""
        return read(self.path, self.form, turns=self.turns, licence=self.licence)


class Mixture:
    """Dialogues of several sources: the same for the same sources, seed and epoch.

    The order of sources is drawn evenly over an epoch; within a source dialogues are shuffled
    `window` at a time, which is what is in memory. `len` is the dialogues of one epoch. The
    sources are gone through once to count them, so that an error in the last line stops a run
    before it begins.
    """

    def __init__(self, sources: Sequence[Source], seed: int, *, window: int = WINDOW) -> None:
        if not sources:
            raise DataError("there is nothing to learn from; name at least one source")
        for source in sources:
            if not source.share > 0:
                raise DataError(f"{source.path}: its share is {source.share}; write more than 0")
        self.sources, self.seed, self.window = tuple(sources), seed, max(1, window)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many dialogues each source has."""
        return tuple(sum(1 for _ in source.dialogues()) for source in self.sources)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many dialogues of each source an epoch has."""
        greatest = max(source.share for source in self.sources)
        both = list(zip(self.sources, self.sizes, strict=True))
        own = sum(size for source, size in both if source.share == greatest)
        return tuple(
            size if source.share == greatest else replayed(own, source.share / greatest)
            for source, size in both
        )

    def __len__(self) -> int:
        return sum(self.counts)

    def __iter__(self) -> Iterator[Dialogue]:
        return self.epoch(0)

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Dialogue]:
        """The dialogues of an epoch, counted from 0, from the one at `start` on.

        To resume somewhere reads what is before it again, without giving it out.
        """
        return islice(self._shuffled(number), start, None)

    def _shuffled(self, epoch: int) -> Iterator[Dialogue]:
        draw = Random(f"{self.seed}:{epoch}").random  # noqa: S311 - an order, no secret
        waiting: list[Dialogue] = []
        for dialogue in self._drawn(epoch, Random(f"{epoch}:{self.seed}:sources")):  # noqa: S311
            waiting.append(dialogue)
            if len(waiting) > self.window:
                yield _taken(waiting, draw())
        while waiting:
            yield _taken(waiting, draw())

    def _drawn(self, epoch: int, random: Random) -> Iterator[Dialogue]:
        """An epoch's dialogues, each source in its own order, spread evenly."""
        left = list(self.counts)
        streams = [
            _from(source, size, count * epoch)
            for source, size, count in zip(self.sources, self.sizes, self.counts, strict=True)
        ]
        for total in range(len(self), 0, -1):
            place = random.random() * total
            which = 0
            while place >= left[which]:
                place -= left[which]
                which += 1
            left[which] -= 1
            yield next(streams[which])


def replayed(own: int, ratio: float) -> int:
    """How many dialogues an epoch with `own` of one's own replays of a source: at least one."""
    return max(1, round(own * ratio))


def _from(source: Source, size: int, before: int) -> Iterator[Dialogue]:
    """A source from where `before` dialogues of it have come, over and over."""
    yield from islice(source.dialogues(), before % size, None)
    while True:
        yield from source.dialogues()


def _taken(waiting: list[Dialogue], at: float) -> Dialogue:
    """One of those that wait, and the last one in its place."""
    place = int(at * len(waiting))
    waiting[place], waiting[-1] = waiting[-1], waiting[place]
    return waiting.pop()
