"""Who is implicated in a harm, and which routes stay open then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from qiaoban_guards.risk.implicated import Person, Reach, feared, implicated, may_reach
from qiaoban_guards.risk.taxonomy import Category, Finding, RiskLevel, Role, Who
from qiaoban_guards.text import normalise

DATA = Path(__file__).parents[2] / "data" / "risk" / "implicated.yaml"


class Case(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    persons: frozenset[Person]
    category: Category = Category.ABUSE
    who: Who = Who.SELF
    role: Role = Role.VICTIM
    before: frozenset[Person] = frozenset()
    earlier: tuple[str, ...] = ()
    held_out: bool = False


@lru_cache(maxsize=1)
def _cases() -> tuple[Case, ...]:
    data: Mapping[str, Sequence[object]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return tuple(Case.model_validate(case) for case in data["cases"])


def _finding(
    text: str,
    category: Category = Category.ABUSE,
    role: Role = Role.VICTIM,
    who: Who = Who.SELF,
) -> Finding:
    level, end = RiskLevel.HIGH, len(text)
    return Finding(
        category=category, level=level, role=role, who=who, span=text, end=end, source="a.test"
    )


def _found(case: Case) -> frozenset[Person]:
    finding = _finding(case.text, case.category, case.role, case.who)
    earlier = [normalise(text).plain for text in case.earlier]
    return implicated(normalise(case.text), [finding], case.before, earlier)


def _in_abuse(text: str) -> frozenset[Person]:
    return implicated(normalise(text), [_finding(text)])


@pytest.mark.parametrize("held_out", [False, True])
def test_few_cases_miss_an_agent_or_exclude_somebody_needlessly(held_out: bool) -> None:
    cases = [case for case in _cases() if case.held_out is held_out]
    missed = [case.text for case in cases if case.persons - _found(case)]
    needless = [case.text for case in cases if _found(case) - case.persons]
    assert len(cases) >= 75
    assert len(missed) <= 0.03 * len(cases), missed
    assert len(needless) <= 0.05 * len(cases), needless


def test_every_person_and_both_languages_are_in_the_cases() -> None:
    assert {person for case in _cases() for person in case.persons} == set(Person)
    assert sum(case.text.isascii() for case in _cases()) >= 30


@pytest.mark.parametrize(
    ("person", "open_", "closed"),
    [
        ("father", ["mother", "school", "grandparent"], ["father", "guardian"]),
        ("mother", ["father", "school"], ["mother", "guardian"]),
        ("stepparent", ["mother", "father"], ["stepparent", "guardian"]),
        ("grandparent", ["mother", "father"], ["grandparent", "guardian"]),
        ("carer", ["mother", "father"], ["guardian"]),
        ("family", ["school", "teacher"], ["father", "mother", "guardian", "relative", "sibling"]),
        ("parents", ["school", "teacher"], ["father", "mother", "guardian", "grandparent"]),
        ("teacher", ["school", "guardian"], ["teacher"]),
        ("school", ["guardian", "mother"], ["school", "teacher"]),
        ("schoolmate", ["guardian", "school", "teacher"], []),
        ("stranger", ["guardian", "school", "teacher"], []),
    ],
)
def test_a_route_is_closed_to_whoever_may_do_the_harm(
    person: str, open_: list[str], closed: list[str]
) -> None:
    assert all(may_reach([Reach(reach)], [Person(person)]) for reach in open_)
    assert not any(may_reach([Reach(reach)], [Person(person)]) for reach in closed)


def test_one_unsafe_reader_closes_the_whole_route() -> None:
    assert not may_reach([Reach.MOTHER, Reach.FATHER], [Person.FATHER])
    assert may_reach([Reach.MOTHER, Reach.SCHOOL], [Person.FATHER])


@given(st.frozensets(st.sampled_from(list(Person))))
def test_authority_and_the_platform_are_always_reached(persons: frozenset[Person]) -> None:
    assert may_reach([Reach.AUTHORITY, Reach.PLATFORM], persons)


@given(
    st.frozensets(st.sampled_from(list(Reach))),
    st.frozensets(st.sampled_from(list(Person))),
    st.sampled_from(list(Person)),
)
def test_one_more_implicated_never_opens_a_route(
    reaches: frozenset[Reach], persons: frozenset[Person], more: Person
) -> None:
    assert may_reach(reaches, persons) or not may_reach(reaches, persons | {more})


@given(st.text(alphabet="爸妈他她我打摸说不信，。被 是的dmoahit,.'", max_size=60), st.data())
def test_whoever_was_implicated_stays_so_whatever_is_said(text: str, data: st.DataObject) -> None:
    before = data.draw(st.frozensets(st.sampled_from(list(Person))))
    category = data.draw(st.sampled_from(list(Category)))
    finding = _finding(text, category)
    message = normalise(text)
    assert implicated(message, [finding], before) == before | implicated(message, [finding])
    assert before <= implicated(message, [finding], before, [text, "爸爸 dad"])


@given(st.text(max_size=80), st.integers(0, 90), st.integers(0, 90))
def test_any_text_and_any_place_of_a_finding_is_read(text: str, start: int, length: int) -> None:
    finding = _finding(text).model_copy(update={"start": start, "end": start + length})
    assert implicated(normalise(text), [finding]) <= set(Person)


@pytest.mark.parametrize("category", [Category.EATING, Category.PRIVACY, Category.JAILBREAK])
def test_only_findings_of_harm_by_somebody_count(category: Category) -> None:
    text = normalise("爸爸打我")
    assert implicated(text, []) == frozenset()
    assert implicated(text, [_finding(text.original, category)]) == frozenset()


def test_what_the_child_does_to_others_implicates_nobody() -> None:
    text = "爸爸打我"
    finding = _finding(text, Category.VIOLENCE, Role.AGGRESSOR)
    assert implicated(normalise(text), [finding]) == frozenset()


def test_scolding_counts_where_it_is_abuse_and_not_where_it_came_before_despair() -> None:
    text = normalise("奶奶骂我")
    assert implicated(text, [_finding("奶奶骂我")]) == {Person.GRANDPARENT}
    assert implicated(text, [_finding("奶奶骂我", Category.SELF_HARM)]) == frozenset()


def test_without_a_deed_whoever_stands_in_the_clause_of_the_finding_is_implicated() -> None:
    text = "跟舅舅在一起我好难受，妈妈来了"
    finding = _finding("跟舅舅在一起我好难受", Category.SEXUAL)
    assert implicated(normalise(text), [finding]) == {Person.RELATIVE}


def test_a_pronoun_is_sought_in_earlier_messages_only_where_this_one_has_nobody() -> None:
    finding = _finding("他打我")
    earlier = ["妈妈在家", "爷爷来了"]
    assert implicated(normalise("他打我"), [finding], earlier=earlier) == {Person.GRANDPARENT}
    assert implicated(normalise("她打我"), [finding], earlier=earlier) == {Person.MOTHER}
    assert implicated(normalise("舅舅来了，他打我"), [finding], earlier=earlier) == {
        Person.RELATIVE
    }


@pytest.mark.parametrize("text", ["小红的爸爸打她", "my friend's dad hits her"])
def test_somebody_elses_father_is_not_the_childs(text: str) -> None:
    assert _in_abuse(text) == frozenset()


@pytest.mark.parametrize(
    ("text", "persons"),
    [
        ("不要告诉我妈妈", {Person.MOTHER}),
        ("我怕爸爸发现我的日记", {Person.FATHER}),
        ("我不敢跟老师说", {Person.TEACHER}),
        ("please dont tell my mom", {Person.MOTHER}),
        ("i'm scared my dad will find out", {Person.FATHER}),
        ("我告诉妈妈了", set[Person]()),
        ("爸爸带我去公园", set[Person]()),
    ],
)
def test_whom_the_child_does_not_want_told_is_feared(text: str, persons: set[Person]) -> None:
    assert feared(normalise(text)) == persons


def test_to_be_feared_is_not_to_be_implicated() -> None:
    text = "我怕爸爸知道我想死"
    assert implicated(normalise(text), [_finding(text, Category.SELF_HARM)]) == frozenset()
