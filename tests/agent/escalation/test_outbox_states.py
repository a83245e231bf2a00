"""In whatever order things happen: who may do the harm is never told, and no case is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from qiaoban_agent.escalation.case import Case, Status
from qiaoban_agent.escalation.ladder import climb
from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.store.base import Write
from qiaoban_agent.store.memory import MemoryStore
from qiaoban_guards.risk import RiskLevel
from qiaoban_guards.risk.implicated import Person, may_reach
from tests.agent.escalation.cases import START, function_route, policy_with, put_case

NAMES = ("dad", "mum", "guardian", "school", "staff")
POLICY = policy_with(
    function_route("dad", "father"),
    function_route("mum", "mother"),
    function_route("guardian", "guardian"),
    function_route("school", "school"),
    function_route("staff"),
    ladder=[["dad", "mum"], ["guardian", "school"], ["staff"]],
    retry={"first": 5, "factor": 3, "longest": 300, "attempts": 4},
)
persons = st.frozensets(
    st.sampled_from([Person.FATHER, Person.MOTHER, Person.SCHOOL, Person.FAMILY]), max_size=2
)
levels = st.sampled_from([RiskLevel.MODERATE, RiskLevel.HIGH, RiskLevel.IMMINENT])


class Escalations(RuleBasedStateMachine):
    """Cases, adults and a clock against one outbox after the other."""

    cases: Bundle[str] = Bundle("cases")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.at, self.count = START, 0
        self.failing: set[str] = set()
        self.wrong: list[str] = []
        self.restart()

    def function(self, name: str) -> Callable[[Case], None]:
        def tell(told: Case) -> None:
            case, route = self.store.case(told.id), POLICY.escalation.route(name)
            if case is None or case.status is not Status.OPEN:
                self.wrong.append(f"{name} was told of a case that is dealt with")
            elif route is None or not may_reach(route.reaches, case.implicated):
                self.wrong.append(f"{name} was told, who may be reached by none of it")
            if name in self.failing:
                raise ConnectionError

        return tell

    def change(self, name: str, **changes: Any) -> None:
        case = self.store.case(name)
        assert case is not None
        changed = case.model_copy(update=changes)
        self.store.commit(Write(session=case.session, at=self.at, case=changed))

    @rule()
    def restart(self) -> None:
        functions = {name: self.function(name) for name in NAMES}
        self.outbox = Outbox(self.store, lambda: POLICY, functions, clock=lambda: self.at)

    @rule(target=cases, implicated=persons, level=levels)
    def open(self, implicated: frozenset[Person], level: RiskLevel) -> str:
        self.count += 1
        session = f"s{self.count}"
        changes = {"session": session, "implicated": implicated, "level": level}
        return put_case(self.store, POLICY, self.at, **changes).id

    @rule(name=cases, more=persons)
    def learn_who_it_is(self, name: str, more: frozenset[Person]) -> None:
        case = self.store.case(name)
        assert case is not None
        self.change(name, implicated=case.implicated | more)

    @rule(name=cases, level=levels)
    def get_graver(self, name: str, level: RiskLevel) -> None:
        case = self.store.case(name)
        assert case is not None
        if case.status is Status.CLOSED:
            return
        graver = case.model_copy(
            update={
                "revision": case.revision + 1,
                "step": 0,
                "status": Status.OPEN,
                "level": max(level, case.level),
            }
        )
        climbed = climb(graver, POLICY.escalation, self.at)
        self.store.commit(
            Write(
                session=case.session,
                at=self.at,
                case=climbed.case,
                deliveries=climbed.deliveries,
            )
        )

    @rule(name=cases)
    def acknowledge(self, name: str) -> None:
        case = self.store.case(name)
        if case is not None and case.status is Status.OPEN:
            self.change(name, status=Status.ACKNOWLEDGED, raise_at=None)

    @rule(name=cases)
    def close(self, name: str) -> None:
        self.change(name, status=Status.CLOSED, closed_at=self.at, raise_at=None)

    @rule(failing=st.sets(st.sampled_from(NAMES)))
    def break_routes(self, failing: set[str]) -> None:
        self.failing = failing

    @rule(seconds=st.sampled_from([0.0, 1.0, 20.0, 400.0, 3600.0]))
    def pass_time(self, seconds: float) -> None:
        self.at += seconds
        then = self.outbox.run_once(self.at)
        assert then is None or then > self.at

    @rule()
    def be_killed_with_a_lease(self) -> None:
        self.store.due(self.at, lease=30)
        self.restart()

    @invariant()
    def nobody_was_told_who_must_not_be(self) -> None:
        assert not self.wrong

    def teardown(self) -> None:
        self.failing = set()
        for _ in range(200):
            then = self.outbox.run_once(self.at)
            if then is None:
                break
            assert then > self.at
            self.at = then
        else:
            raise AssertionError("the outbox never comes to an end")
        self.outbox.run_once(self.at + 60)  # leases on deliveries of closed cases are over, too
        assert not self.wrong
        for case in self.store.cases(closed=True):
            deliveries = self.store.deliveries(case.id)
            assert not [one for one in deliveries if one.status == "pending"]
            usable = [
                route.id
                for route in POLICY.escalation.routes
                if may_reach(route.reaches, case.implicated)
            ]
            present = [one for one in deliveries if one.revision == case.revision]
            if case.status is Status.OPEN and usable:
                assert case.raise_at is None
                tried = {one.route for one in present if one.attempts}
                assert set(usable) <= tried


TestEscalations = Escalations.TestCase
TestEscalations.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
