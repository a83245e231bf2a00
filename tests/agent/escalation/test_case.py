"""Two that write one case at once: nothing that protects the child is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.escalation.case import Case, Status, joined
from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.implicated import Person

cases = st.builds(
    Case,
    id=st.just("one"),
    session=st.just("s"),
    opened_at=st.just(0.0),
    level=st.sampled_from([RiskLevel.HIGH, RiskLevel.IMMINENT]),
    categories=st.lists(st.sampled_from(Category), min_size=1, max_size=2).map(tuple),
    turn=st.just(1),
    policy=st.just("default"),
    implicated=st.frozensets(st.sampled_from(Person), max_size=2),
    status=st.sampled_from(Status),
    revision=st.integers(1, 3),
    raise_at=st.none() | st.floats(0, 10),
)


@given(cases, cases)
def test_everybody_implicated_and_every_danger_stays(stored: Case, written: Case) -> None:
    kept = joined(stored, written)
    assert kept.implicated == stored.implicated | written.implicated
    assert set(kept.categories) == {*stored.categories, *written.categories}
    assert kept.revision == max(stored.revision, written.revision)


@given(cases, cases)
def test_what_an_adult_did_with_a_revision_is_not_undone(stored: Case, written: Case) -> None:
    order = list(Status)
    kept = joined(stored, written)
    of_newest = [c for c in (stored, written) if c.revision == kept.revision]
    assert order.index(kept.status) == max(order.index(case.status) for case in of_newest)


@given(cases)
def test_a_case_joined_with_itself_is_the_same(case: Case) -> None:
    kept = joined(case, case)
    assert kept.model_copy(update={"categories": case.categories}) == case
    assert set(kept.categories) == set(case.categories)
