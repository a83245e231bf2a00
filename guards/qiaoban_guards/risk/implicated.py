"""Who is named as the one who does harm, so that no escalation goes to that adult.

The agent of a harm is looked for, not everybody who is mentioned: whoever a passive or a cleft
marks (被爸爸打, hit by my dad), else the nearest subject before the verb in its clause, else the
subject that the clause before it left standing. Whoever stands by (妈妈不信我) counts too.

Who may be told then follows child protection procedures (Wales Safeguarding Procedures 3.1,
Working Together to Safeguard Children): families are told, save where that puts the child at risk.
The parent who does no harm is the child's best protection and stays reachable, unless the child
says that this parent knows and does nothing, or names the family only as a whole. A partner of an
unnamed side, and guardians of whom nobody knows who they are, may be the one who does it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from itertools import islice
from typing import Literal, TypeAlias

from qiaoban_guards.documents import Frozen
from qiaoban_guards.expressions import Expressions, load_expressions
from qiaoban_guards.risk.taxonomy import Category, Finding, Role, Who
from qiaoban_guards.text import Hit, Text, has_han


class Person(StrEnum):
    """Who may do harm, by what they are to the child."""

    FATHER = "father"
    MOTHER = "mother"
    STEPPARENT = "stepparent"
    """A stepparent, or the partner of a parent."""
    GRANDPARENT = "grandparent"
    SIBLING = "sibling"
    RELATIVE = "relative"
    CARER = "carer"
    """Foster carers, a nanny, or a relative in whose home the child lives."""
    TEACHER = "teacher"
    """Teachers, coaches, tutors, the staff of a dormitory."""
    SCHOOL = "school"
    """The school as such: its head, its counsellor, several teachers."""
    SCHOOLMATE = "schoolmate"
    STRANGER = "stranger"
    """Anybody outside family and school, also a neighbour and whoever was met online."""
    FAMILY = "family"
    """Somebody at home who is not named, or all of them."""
    PARENTS = "parents"


class Reach(StrEnum):
    """Whom a route of escalation reaches."""

    FATHER = "father"
    MOTHER = "mother"
    STEPPARENT = "stepparent"
    GRANDPARENT = "grandparent"
    SIBLING = "sibling"
    RELATIVE = "relative"
    GUARDIAN = "guardian"
    """Whoever the app knows as the child's guardian, without knowing what they are to the child."""
    TEACHER = "teacher"
    SCHOOL = "school"
    """The school as such: its counsellor, its head."""
    AUTHORITY = "authority"
    PLATFORM = "platform"
    """The app's own safety staff."""


_AT_HOME = frozenset(
    {
        Reach.FATHER,
        Reach.MOTHER,
        Reach.STEPPARENT,
        Reach.GRANDPARENT,
        Reach.SIBLING,
        Reach.RELATIVE,
        Reach.GUARDIAN,
    }
)
_UNSAFE: Mapping[Person, frozenset[Reach]] = {
    Person.FATHER: frozenset({Reach.FATHER, Reach.GUARDIAN, Reach.STEPPARENT}),
    Person.MOTHER: frozenset({Reach.MOTHER, Reach.GUARDIAN, Reach.STEPPARENT}),
    Person.STEPPARENT: frozenset({Reach.STEPPARENT, Reach.GUARDIAN}),
    Person.GRANDPARENT: frozenset({Reach.GRANDPARENT, Reach.GUARDIAN}),
    Person.SIBLING: frozenset({Reach.SIBLING}),
    Person.RELATIVE: frozenset({Reach.RELATIVE}),
    Person.CARER: frozenset({Reach.GUARDIAN}),
    Person.TEACHER: frozenset({Reach.TEACHER}),
    Person.SCHOOL: frozenset({Reach.TEACHER, Reach.SCHOOL}),
    Person.SCHOOLMATE: frozenset(),
    Person.STRANGER: frozenset(),
    Person.FAMILY: _AT_HOME,
    Person.PARENTS: _AT_HOME,
}
_BY_ADULTS = frozenset({Category.ABUSE, Category.SEXUAL})
_BY_OTHERS = _BY_ADULTS | {Category.VIOLENCE, Category.STRANGER_CONTACT, Category.BULLYING}
_COUNTED = _BY_OTHERS | {Category.SELF_HARM, Category.RUNAWAY}
_CHILDREN = frozenset({Person.SCHOOLMATE, Person.SIBLING})
_NO_DUTY = _CHILDREN | {Person.STRANGER}
_OUTSIDE = frozenset({Person.SCHOOLMATE, Person.TEACHER, Person.SCHOOL, Person.STRANGER})
_PLURAL = frozenset({Person.FAMILY, Person.PARENTS, Person.SCHOOLMATE, Person.SCHOOL})
_NEAR = 12
"""How many mentions back a pronoun or an omitted subject is sought; keeps the cost linear."""
_REACH = 60
"""How far from a deed in its clause the one who does it is sought, in characters."""
_BEFORE, _AFTER = 40, 24
"""How much around a mention is read to see what part the person has in the clause."""

Gender: TypeAlias = Literal["he", "she", "they"]
Language: TypeAlias = Literal["zh", "en"]


class _People(Frozen):
    """How one language names persons, and how it says who does what.

    The expressions from `agent` to `denied` are about one mention, which stands in them as `@`.
    """

    macros: Mapping[str, str] = {}
    persons: Mapping[Person, Expressions]
    pronouns: Mapping[Gender, Expressions]
    he: Expressions
    she: Expressions
    breaks: Expressions
    joins: Expressions
    agent: Expressions
    aside: Expressions
    helper: Expressions
    foreign: Expressions
    theirs: Expressions
    secret: Expressions
    housing: Expressions
    child_acts: Expressions
    denied: Expressions
    harm: Expressions
    scolding: Expressions
    standing_by: Expressions
    home: Expressions
    elsewhere: Expressions


@lru_cache(maxsize=2)
def _people(language: Language) -> _People:
    folder = files("qiaoban_guards") / "risk" / "people"
    return load_expressions(folder / f"{language}.yaml", _People)


@dataclass(frozen=True, slots=True)
class _Mention:
    """Somebody named, or a pronoun, in `plain[start:end]`; its context has it as `@`."""

    start: int
    end: int
    person: Person | None
    gender: Gender | None
    context: str
    index: int

    @property
    def is_pronoun(self) -> bool:
        return self.person is None and self.gender is not None

    def agrees(self, pronoun: _Mention) -> bool:
        """Whether a pronoun may mean this person."""
        if self.person is None:
            return False
        if pronoun.gender == "they":
            return self.person in _PLURAL
        return self.gender in (None, pronoun.gender)


def may_reach(reaches: Collection[Reach], implicated: Collection[Person]) -> bool:
    """Whether a route tells nobody who is implicated or may be."""
    return not any(_UNSAFE[person].intersection(reaches) for person in implicated)


def feared(text: Text) -> frozenset[Person]:
    """Persons whom the child does not want to be told, whether or not they do harm."""
    reading = _Reading(text.plain)
    secret = reading.people.secret.pattern
    return frozenset(m.person for m in reading.mentions if m.person and secret.first(m.context))


def implicated(
    text: Text,
    findings: Sequence[Finding],
    before: frozenset[Person] = frozenset(),
    earlier: Sequence[str] = (),
) -> frozenset[Person]:
    """Persons who may do the harm that a message speaks of, or who stand by.

    `findings` are those of this message; without one of abuse, sexual harm, violence, contact,
    bullying, self-harm or running away nobody is added. Persons implicated `before` stay.
    `earlier` are plain texts of messages before it, the latest last, for whom a pronoun means.
    """
    counted = [f for f in findings if f.category in _COUNTED and f.role is not Role.AGGRESSOR]
    if not counted:
        return before
    categories = frozenset(finding.category for finding in counted)
    found = _Reading(text.plain, earlier).implicated(categories, _places(text, counted))
    return before | found


def _places(text: Text, findings: Sequence[Finding]) -> list[Hit]:
    """Where findings stand in the plain form."""
    return [
        Hit(bisect_right(text.ends, f.start), bisect_left(text.starts, max(f.end, f.start + 1)))
        for f in findings
        if f.category in _BY_OTHERS and f.who is Who.SELF
    ]


class _Reading:
    """One message with the persons in it, clause by clause."""

    def __init__(self, plain: str, earlier: Sequence[str] = ()) -> None:
        self.plain, self.earlier = plain, earlier
        self.people = _people("zh" if has_han(plain) else "en")
        self.mentions = _mentions(plain, self.people)
        self._breaks = tuple(self.people.breaks.pattern.hits(plain))

    def implicated(self, categories: Collection[Category], places: list[Hit]) -> set[Person]:
        """Who does harm; where no deed is told, whoever stands in the clauses of `places`."""
        people, by_adults = self.people, not _BY_ADULTS.isdisjoint(categories)
        deeds = [people.harm, people.scolding] if by_adults else [people.harm]
        hits = [hit for deed in deeds for hit in self._done(deed)]
        found = {person for hit in hits for person in self._agents(hit)}
        if not hits:
            peers_only = Category.BULLYING in categories and not by_adults
            found = {p for place in places for p in self._named_at(place)}
            found = found & _OUTSIDE if peers_only else found - _CHILDREN
        if by_adults or Category.VIOLENCE in categories:
            stand_by = people.standing_by.pattern.hits(self.plain)
            found |= {p for hit in stand_by for p in self._agents(hit, told=True)} - _NO_DUTY
        acted = bool(hits) or any(m.is_pronoun for m in self.mentions)
        if acted and places and not found and self._is_at_home(categories):
            found = {Person.FAMILY}
        if any(
            m.person in found and people.housing.pattern.first(m.context) for m in self.mentions
        ):
            found.add(Person.CARER)
        return found

    @cached_property
    def _is_elsewhere(self) -> bool:
        return self.people.elsewhere.pattern.first(self.plain) is not None

    def _is_at_home(self, categories: Collection[Category]) -> bool:
        """Whether somebody of whom nothing is known is of the family.

        Abuse is by those who have the child in their care, unless another place is named; a sexual
        act is at home where that is named.
        """
        if self._is_elsewhere or any(m.person is m.gender is None for m in self.mentions):
            return False
        named = Category.SEXUAL in categories and self.people.home.pattern.first(self.plain)
        return Category.ABUSE in categories or bool(named)

    def _done(self, deed: Expressions) -> Iterator[Hit]:
        """The deeds that are not the child's own and not denied."""
        own, denied = self.people.child_acts.pattern, self.people.denied.pattern
        for hit in deed.pattern.hits(self.plain):
            start = max(self._clause(hit.start)[0], hit.start - _BEFORE)
            told = f"{self.plain[start : hit.start]}@{self.plain[hit.start : hit.end]}"
            if not (own.first(told) or denied.first(told)):
                yield hit

    def _clause(self, place: int) -> tuple[int, int]:
        """Start and end of the clause around a place."""
        index = bisect_right(self._breaks, place, key=lambda hit: hit.start)
        start = self._breaks[index - 1].end if index else 0
        end = self._breaks[index].start if index < len(self._breaks) else len(self.plain)
        return start, max(start, end)

    def _agents(self, hit: Hit, *, told: bool = False) -> set[Person]:
        """Who does the deed at `hit`; `told`: also somebody who was only told, or absent."""
        start, end = self._clause(hit.start)
        start = max(start, hit.start - _REACH)
        inside = self._between(start, max(min(end, hit.end + _REACH), hit.end))
        marked = [m for m in inside if self.people.agent.pattern.first(m.context)]
        if marked:
            return self._with_joined(marked[-1])
        subjects = [m for m in inside if m.start < hit.start and not self.is_aside(m)]
        return self._with_joined(subjects[-1]) if subjects else self._carried(start, told=told)

    def _between(self, start: int, end: int) -> tuple[_Mention, ...]:
        first, last = (bisect_left(self.mentions, at, key=_start) for at in (start, end))
        return self.mentions[first:last]

    def is_aside(self, mention: _Mention) -> bool:
        """Whether somebody is told, absent or acted on, and so no subject."""
        return self.people.aside.pattern.first(mention.context) is not None

    def _carried(self, start: int, *, told: bool) -> set[Person]:
        """The subject that an earlier clause left standing, or an earlier message."""
        near = self._between(0, start)[-_NEAR:]
        before = [m for m in near if told or not self.is_aside(m)]
        if before:
            found = self._with_joined(before[-1])
        elif self.mentions:
            return set()
        else:
            subjects = (m.person for m, is_aside in self._earlier if m.person and not is_aside)
            found = set(islice(subjects, 1))
        return found & _OUTSIDE if self._is_elsewhere else found

    @cached_property
    def _earlier(self) -> tuple[tuple[_Mention, bool], ...]:
        """The persons of earlier messages, the last first, and whether each is an aside."""
        readings = [_Reading(plain) for plain in reversed(self.earlier)]
        return tuple((m, of.is_aside(m)) for of in readings for m in reversed(of.mentions))

    def _named_at(self, place: Hit) -> set[Person]:
        """Everybody named in the clauses of a finding who is no aside and does not help."""
        start, end = self._clause(place.start)[0], self._clause(place.end - 1)[1]
        helps = self.people.helper.pattern
        inside = [m for m in self._between(start, end) if not self.is_aside(m)]
        return {p for m in inside if not helps.first(m.context) for p in self._meant(m)}

    def _with_joined(self, mention: _Mention) -> set[Person]:
        """A mention and those coordinated with it: 爸爸和妈妈."""
        found, index = self._meant(mention), mention.index
        while index > max(mention.index - _NEAR, 0):
            left, right = self.mentions[index - 1 : index + 1]
            if not self.people.joins.pattern.matches_whole(self.plain[left.end : right.start]):
                break
            found, index = found | self._meant(left), index - 1
        return found

    def _meant(self, mention: _Mention) -> set[Person]:
        """Whom a mention means; nobody where a pronoun stays unclear."""
        if not mention.is_pronoun:
            return {mention.person} if mention.person else set()
        for other in reversed(self.mentions[max(mention.index - _NEAR, 0) : mention.index]):
            if other.agrees(mention):
                return {other.person} if other.person else set()
            if mention.gender == "they" and len(joined := self._with_joined(other)) > 1:
                return joined
        agreeing = (m.person for m, _ in self._earlier if m.person and m.agrees(mention))
        return set(islice(agreeing, 1))


def _mentions(plain: str, people: _People) -> tuple[_Mention, ...]:
    """Everybody named in a text, from left to right; of two that overlap the longer one."""
    found: list[tuple[Hit, Person | None, Gender | None]] = []
    for name, named in people.persons.items():
        found.extend((hit, name, None) for hit in named.pattern.hits(plain))
    for kind, meant in people.pronouns.items():
        found.extend((hit, None, kind) for hit in meant.pattern.hits(plain))
    mentions: list[_Mention] = []
    outsiders = False
    for hit, person, gender in sorted(found, key=lambda entry: _order(entry[0])):
        if mentions and hit.start < mentions[-1].end:
            continue
        context = f"{plain[max(hit.start - _BEFORE, 0) : hit.start]}@{plain[hit.end :][:_AFTER]}"
        foreign = people.foreign.pattern.first(context) or (
            outsiders and people.theirs.pattern.first(context)
        )
        outsiders = outsiders or person in _OUTSIDE
        if foreign:
            mentions.append(_Mention(hit.start, hit.end, None, None, context, len(mentions)))
        else:
            known = gender or _gender(plain[hit.start : hit.end], people)
            mentions.append(_Mention(hit.start, hit.end, person, known, context, len(mentions)))
    return tuple(mentions)


def _start(mention: _Mention) -> int:
    return mention.start


def _order(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end


def _gender(name: str, people: _People) -> Gender | None:
    if people.he.pattern.first(name):
        return "he"
    return "she" if people.she.pattern.first(name) else None
