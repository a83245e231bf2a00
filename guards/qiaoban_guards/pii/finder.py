"""Personal data in a message: every rule's finds, of which those that overlap are settled."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.owner import owner_of
from qiaoban_guards.pii.rule import Entity, Reading, Rule
from qiaoban_guards.pii.tagger.network import TAGGED, Network, shipped_network
from qiaoban_guards.pii.tagger.tokens import Find
from qiaoban_guards.risk.prefilter import FinePrefilter
from qiaoban_guards.text import Text, normalise


class Finder:
    """Finds personal data of some kinds; one object serves any number of threads.

    Rules find what has a form. What is known by how it is talked about is found by `network` where
    one is given: it reads the sentence, and sees what the rules make of it.
    """

    def __init__(
        self, kinds: Collection[Kind], rules: Iterable[Rule], network: Network | None = None
    ) -> None:
        self._kinds = frozenset(kinds)
        self._network = network if self._kinds.intersection(TAGGED) else None
        self._rules = tuple(rules)
        self._prefilter = _prefilter(self._rules)
        self._wanted = [bool(self._network) or rule.kind in self._kinds for rule in self._rules]

    def find(self, message: str | Text) -> tuple[Entity, ...]:
        """The personal data of a message, in order; none overlaps another.

        Offsets are characters of the original text.
        """
        text = normalise(message) if isinstance(message, str) else message
        reading = Reading(text)
        found = settled(
            _entity(reading, rule.kind, rule.id, hit)
            for rule in self._candidates(reading)
            for hit in rule.find(reading)
        )
        if self._network is not None:
            found = settled(_read(reading, found, self._network))
        return tuple(one for one in found if one.kind in self._kinds)

    def _candidates(self, reading: Reading) -> Iterator[Rule]:
        """The rules that may find something, in their order."""
        forms = {reading.plain, reading.digits, reading.spaced[0]}
        numbers = {number for form in forms for number in self._prefilter.candidates(form)}
        return (self._rules[number] for number in sorted(numbers) if self._wanted[number])


@lru_cache(maxsize=8)
def _prefilter(rules: tuple[Rule, ...]) -> FinePrefilter:
    return FinePrefilter(rule.needed for rule in rules)


def _entity(reading: Reading, kind: Kind, rule: str, found: tuple[int, int, float]) -> Entity:
    start, end, score = found
    first, last = reading.text.span(start, end)
    return Entity(kind, first, last, score, rule, owner_of(reading.plain, start))


def _read(reading: Reading, found: Sequence[Entity], network: Network) -> Iterator[Entity]:
    """What the network finds, and of what rules found all but what it reads otherwise."""
    starts = reading.text.starts
    finds: list[Find] = [
        (one.kind, bisect_left(starts, one.start), bisect_left(starts, one.end)) for one in found
    ]
    taken = [False] * len(reading.plain)
    for tagged in network.tag(reading, finds):
        taken[tagged.start : tagged.end] = [True] * (tagged.end - tagged.start)
        read = (tagged.start, tagged.end, tagged.score)
        yield _entity(reading, tagged.kind, f"{tagged.kind}.read", read)
    for one, (kind, start, end) in zip(found, finds, strict=True):
        if kind not in TAGGED or not any(taken[start:end]):
            yield one


def settled(found: Iterable[Entity]) -> tuple[Entity, ...]:
    """Entities of which none overlaps another: the surer one stays, then the longer one."""
    kept: list[Entity] = []
    starts: list[int] = []
    for entity in sorted(found, key=lambda e: (-e.score, e.start - e.end, e.start, e.rule)):
        place = bisect_left(starts, entity.start)
        if place and kept[place - 1].end > entity.start:
            continue
        if place < len(kept) and starts[place] < entity.end:
            continue
        starts.insert(place, entity.start)
        kept.insert(place, entity)
    return tuple(kept)


@lru_cache(maxsize=64)
def finder_of(kinds: frozenset[Kind] = frozenset(Kind), *, rules_alone: bool = False) -> Finder:
    """The finder of some kinds, with all our rules and, if not `rules_alone`, the network."""
    from qiaoban_guards.pii.rules import all_rules

    return Finder(kinds, all_rules(), None if rules_alone else shipped_network())
