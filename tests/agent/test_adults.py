"""What adults do with a case: take it, speak in the companion's place, hand the child back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent import Companion, Reply, RiskLevel, Stage
from qiaoban_agent.errors import MisuseError
from qiaoban_agent.escalation.case import Case, Status
from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.events import Escalated, HandedBack, Heard, Raised, Said, TakenOver, Weighed
from qiaoban_agent.models import Scripted
from qiaoban_agent.store import MemoryStore, Store, Write
from qiaoban_guards.risk import Category
from tests.clocks import Clock
from tests.policies import unannounced

DANGER = "我不想活了"
GRAVER = "我现在就站在楼顶上，马上就跳下去"
CALM = "我在看书"


class Home:
    """A companion with a model, what its app was told, and the clock they live by."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.model = Scripted("我在听。")
        self.store = store
        self.told: list[Escalated] = []
        self.companion = Companion(
            unannounced(),
            self.model,
            store=self.store,
            on_escalation=self.told.append,
            clock=self.clock,
        )

    def say(self, message: str, session: str = "a") -> Reply:
        return self.companion.reply(message, session=session)

    @property
    def case(self) -> Case:
        """The only case there is."""
        [case] = self.companion.cases(closed=True)
        return case


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    pytest.importorskip("sqlalchemy")
    from qiaoban_agent.store import SqlStore

    with closing(SqlStore(f"sqlite:///{tmp_path}/adults.db")) as store:
        yield store


@pytest.fixture
def home(store: Store) -> Iterator[Home]:
    home = Home(store)
    with home.companion:
        yield home


def said(reply: Reply) -> list[tuple[str, str | None]]:
    """Who said each sentence, and what it is for where it is no answer."""
    return [(event.by, event.notice) for event in reply.events if isinstance(event, Said)]


def kinds(reply: Reply) -> set[str | None]:
    return {notice for _, notice in said(reply)}


def in_trail(home: Home, kind: str, session: str = "a") -> int:
    return sum(event.kind == kind for event in home.companion.trail(session))


def test_a_danger_opens_a_case_that_tells_no_word_of_the_childs(home: Home) -> None:
    reply = home.say(DANGER)
    assert reply.escalation is not None
    case = home.case
    assert home.companion.cases() == (case,)
    assert (case.id, case.session, case.status) == (reply.escalation.case, "a", Status.OPEN)
    assert (case.level, case.categories) == (RiskLevel.HIGH, (Category.SELF_HARM,))
    assert case.opened_at == home.clock.at
    assert case.summary
    assert "不想活" not in case.model_dump_json()


def test_the_gravest_case_comes_first(home: Home) -> None:
    home.say(DANGER, "a")
    home.say(GRAVER, "b")
    assert [case.session for case in home.companion.cases()] == ["b", "a"]


def test_a_case_is_acknowledged_once_and_by_the_first(home: Home) -> None:
    home.say(DANGER)
    first = home.companion.acknowledge(home.case, by="Ms Lin")
    assert (first.status, first.acknowledged_by) == (Status.ACKNOWLEDGED, "Ms Lin")
    assert first.acknowledged_at == home.clock.at
    assert first.raise_at is None
    home.clock.wait(3)
    assert home.companion.acknowledge(home.case.id, by="Mr Wu") == first
    assert home.case == first
    assert in_trail(home, "acknowledged") == 1
    assert home.companion.cases() == (first,)


def test_an_unknown_case_or_session_and_a_nameless_adult_are_misuse(home: Home) -> None:
    home.say(DANGER)
    with pytest.raises(MisuseError, match="no case is called 'x'"):
        home.companion.acknowledge("x", by="Ms Lin")
    with pytest.raises(MisuseError, match="an adult is named"):
        home.companion.acknowledge(home.case, by=" ")
    with pytest.raises(MisuseError, match="an adult is named"):
        home.companion.take_over("a", by="")
    with pytest.raises(MisuseError, match="no session is called 'b'"):
        home.companion.take_over("b", by="Ms Lin")
    with pytest.raises(MisuseError, match="no session is called 'b'"):
        home.companion.hand_back("b", "spoke with her")
    with pytest.raises(MisuseError, match="take_over comes first"):
        home.companion.write("a", "我在这里")
    assert home.case.status is Status.OPEN


def test_whoever_takes_over_reads_what_was_and_takes_the_case(home: Home) -> None:
    home.say(DANGER)
    before = home.companion.trail("a")
    missed = home.companion.take_over("a", by="Ms Lin")
    assert missed[: len(before)] == before
    assert TakenOver(by="Ms Lin") in missed
    assert (home.case.status, home.case.acknowledged_by) == (Status.ACKNOWLEDGED, "Ms Lin")
    with pytest.raises(MisuseError, match="'Ms Lin' has taken over"):
        home.companion.take_over("a", by="Mr Wu")
    home.companion.take_over("a", by="Ms Lin")
    assert in_trail(home, "taken_over") == 1


def test_the_child_is_told_once_of_the_adult_and_then_briefly(home: Home) -> None:
    home.say(CALM)
    home.companion.take_over("a", by="Ms Lin")
    asked = len(home.model.heard)
    replies = [home.say(message) for message in (CALM, "你在吗", "我好难过", "今天天气不错")]
    assert [kinds(reply) for reply in replies] == [{"taken_over"}, *[{"with_adult"}] * 3]
    for reply in replies:
        assert {by for by, _ in said(reply)} == {"policy"}
        assert "Lin" not in reply.text
    assert len(home.model.heard) == asked


def test_an_adult_that_has_written_needs_no_introduction(home: Home) -> None:
    home.say(CALM)
    home.companion.take_over("a", by="Ms Lin")
    words = home.companion.write("a", "我是林老师，我在这里。")
    assert words == Said(text="我是林老师，我在这里。", by="adult")
    assert kinds(home.say("嗯")) == {"with_adult"}


def test_a_session_taken_over_still_weighs_and_escalates(home: Home) -> None:
    home.say(DANGER)
    home.companion.take_over("a", by="Ms Lin")
    reply = home.say(GRAVER)
    assert any(isinstance(e, Weighed) and e.risk.level is RiskLevel.IMMINENT for e in reply.events)
    assert [escalated.level for escalated in home.told] == [RiskLevel.HIGH, RiskLevel.IMMINENT]
    assert {escalated.case for escalated in home.told} == {home.case.id}
    assert (home.case.status, home.case.revision) == (Status.OPEN, 2)
    assert home.case.level is RiskLevel.IMMINENT


def test_crisis_words_are_still_said_and_before_anything_of_the_adult(home: Home) -> None:
    home.say(CALM)
    home.companion.take_over("a", by="Ms Lin")
    reply = home.say(DANGER)
    notices = [notice for _, notice in said(reply)]
    crisis = notices.index("taken_over")
    assert crisis > 0
    assert notices == [None] * crisis + ["taken_over"] * (len(notices) - crisis)
    assert any(line.number in reply.text for line in home.companion.policy.helplines)
    later = [notice for _, notice in said(home.say("我不想活了，真的"))]
    assert later[0] is None
    assert later[-1] == "with_adult"


def test_no_limit_of_time_stands_between_a_child_and_the_adult() -> None:
    night = {"zone": "Asia/Shanghai", "quiet_hours": [{"since": "00:00", "until": "23:59"}]}
    clock = Clock()
    companion = Companion(unannounced({"presence": night}), clock=clock)
    companion.reply(CALM, session="a")
    companion.take_over("a", by="Ms Lin")
    assert kinds(companion.reply(CALM, session="a")) == {"taken_over"}


def test_handing_back_closes_the_case_and_the_child_is_told_once(home: Home) -> None:
    home.say(DANGER)
    home.companion.take_over("a", by="Ms Lin")
    home.companion.write("a", "我马上过来。")
    home.clock.wait(40)
    home.companion.hand_back("a", "walked her home, spoke with her aunt")
    case = home.case
    assert (case.status, case.closed_by) == (Status.CLOSED, "Ms Lin")
    assert (case.closed_at, case.note) == (home.clock.at, "walked her home, spoke with her aunt")
    assert home.companion.cases() == ()
    assert any(isinstance(event, HandedBack) for event in home.companion.trail("a"))
    first, second = home.say(CALM), home.say(CALM)
    assert said(first)[0] == ("policy", "handed_back")
    assert said(first)[-1] == ("model", None)
    assert kinds(second) == {None}
    assert first.escalation is None
    assert first.stage is not Stage.CRISIS
    heard = "".join(message["content"] for message in home.model.heard[-1])
    assert "我马上过来。" in heard


def test_whoever_was_never_taken_over_is_not_told_of_a_hand_back(home: Home) -> None:
    home.say(DANGER)
    home.companion.hand_back("a", "called her mother", by="Mr Wu")
    assert home.case.closed_by == "Mr Wu"
    assert kinds(home.say(CALM)) == {None}


@pytest.mark.parametrize("note", ["", "  ", "\n"])
def test_a_hand_back_needs_a_note(home: Home, note: str) -> None:
    home.say(DANGER)
    with pytest.raises(MisuseError, match="a hand-off needs a note"):
        home.companion.hand_back("a", note)
    assert home.case.status is Status.OPEN
    assert home.say(CALM).escalation is not None


def test_after_a_hand_back_a_new_danger_is_a_new_case(home: Home) -> None:
    home.say(DANGER)
    home.companion.hand_over("a")
    home.say(DANGER)
    assert [case.status for case in home.companion.cases(closed=True)].count(Status.CLOSED) == 1
    [case] = home.companion.cases()
    assert case.status is Status.OPEN
    assert [escalated.case for escalated in home.told][1] == case.id != home.told[0].case


DEEDS: dict[str, Callable[[Home], object]] = {
    "acknowledge": lambda home: home.companion.acknowledge(home.case, by="Ms Lin"),
    "take over": lambda home: home.companion.take_over("a", by="Ms Lin"),
    "reload": lambda home: home.companion.reload_policy(unannounced()),
    "purge": lambda home: home.companion.purge(),
    "calm": lambda home: home.say(CALM),
    "thanks": lambda home: home.say("我没事了，谢谢你"),
    "other session": lambda home: home.say(CALM, "b"),
    "a day passes": lambda home: home.clock.wait(1440),
}


@given(deeds=st.lists(st.sampled_from(sorted(DEEDS)), max_size=10))
@settings(deadline=None, max_examples=40)
def test_only_a_hand_back_opens_the_latch(deeds: list[str]) -> None:
    home = Home(MemoryStore())
    with home.companion:
        home.say(DANGER)
        for deed in deeds:
            DEEDS[deed](home)
            state = home.store.load("a")
            assert state is not None
            assert state.risk.open
            assert state.escalation is not None
            assert home.case.status is not Status.CLOSED
        home.companion.hand_back("a", "seen to")
        assert home.say(CALM).escalation is None


def test_the_ladder_does_not_overwrite_an_acknowledgement(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adult is quicker than the outbox: between its reading of the case and its writing."""
    clock, policy, commit = Clock(), unannounced(), store.commit
    with Companion(policy, store=store, clock=clock) as companion:
        companion.reply(DANGER, session="a")
    [case] = companion.cases()
    assert case.raise_at is not None
    clock.at = case.raise_at
    raised: list[Write] = []

    def late(write: Write) -> None:
        if any(isinstance(event, Raised) for event in write.events) and not raised:
            raised.append(write)
            companion.acknowledge(case, by="Ms Lin")
        commit(write)

    monkeypatch.setattr(store, "commit", late)
    Outbox(store, lambda: policy, {}, clock).run_once()
    companion.close()
    assert raised
    [case] = companion.cases()
    assert (case.status, case.acknowledged_by) == (Status.ACKNOWLEDGED, "Ms Lin")


def test_an_open_case_outlives_the_forgotten_child_without_its_name(home: Home) -> None:
    home.companion.reply(DANGER, session="小雨的会话", child="小雨")
    before = home.case
    receipt = home.companion.forget_child("小雨")
    assert receipt.cases_kept == 1
    after = home.case
    assert (after.id, after.status) == (before.id, Status.OPEN)
    assert (after.level, after.categories) == (before.level, before.categories)
    assert (after.child, after.summary, after.note) == (None, "", "")
    assert "小雨" not in after.model_dump_json()
    seen = home.companion.acknowledge(after, by="Ms Lin")
    assert seen.status is Status.ACKNOWLEDGED
    assert "小雨" not in home.case.model_dump_json()


def test_the_case_of_a_forgotten_child_can_be_closed(home: Home) -> None:
    home.say(DANGER)
    home.companion.forget("a")
    home.companion.hand_back(home.case.session, "spoke with the school", by="Ms Lin")
    assert home.companion.cases() == ()


def test_a_closed_case_goes_with_the_session(home: Home) -> None:
    home.say(DANGER)
    home.companion.hand_over("a")
    receipt = home.companion.forget("a")
    assert (receipt.cases, receipt.cases_kept) == (1, 0)
    assert home.companion.cases(closed=True) == ()


CONSENTING = unannounced({"memory": {"keep_text": True, "needs_consent": True}})


def heard_texts(companion: Companion, session: str) -> list[str]:
    return [event.text for event in companion.trail(session) if isinstance(event, Heard)]


def test_words_are_kept_only_from_the_consent_on() -> None:
    companion = Companion(CONSENTING)
    companion.reply("我在看书", session="a")
    companion.record_consent("a", by="her father")
    companion.reply("我在画画", session="a")
    companion.reply("我在跑步", session="b")
    assert heard_texts(companion, "a") == ["", "我在画画"]
    assert heard_texts(companion, "b") == [""]


def test_consent_may_be_recorded_before_the_first_message() -> None:
    companion = Companion(CONSENTING)
    companion.record_consent("a", by="her father")
    companion.reply("我在看书", session="a")
    assert heard_texts(companion, "a") == ["我在看书"]
    companion.forget("a")
    companion.reply("我在画画", session="a")
    assert heard_texts(companion, "a") == [""]


def test_consent_keeps_nothing_where_the_policy_does_not() -> None:
    companion = Companion(unannounced())
    companion.record_consent("a", by="her father")
    companion.reply("我在看书", session="a")
    assert heard_texts(companion, "a") == [""]
    with pytest.raises(MisuseError, match="an adult is named"):
        companion.record_consent("a", by=" ")
