"""The class an app embeds: its surface, its misuse, and many sessions at once."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from typing import Any

import pytest
from pydantic import TypeAdapter

import qiaoban_agent
from qiaoban_agent import Companion, QiaobanError, Reply
from qiaoban_agent.coaching.memory import Memory
from qiaoban_agent.errors import DocumentError, MisuseError, ModelError
from qiaoban_agent.events import Event, Heard, Weighed
from qiaoban_agent.models import Message, Scripted
from qiaoban_agent.session import Session
from qiaoban_agent.store import MemoryStore
from tests.policies import unannounced


def test_the_top_level_is_a_handful_of_names() -> None:
    assert sorted(qiaoban_agent.__all__) == [
        "Category",
        "Companion",
        "Emotion",
        "Finding",
        "Policy",
        "QiaobanError",
        "Reply",
        "RiskLevel",
        "Stage",
        "load_policy",
    ]
    for name in qiaoban_agent.__all__:
        assert hasattr(qiaoban_agent, name)


@pytest.mark.parametrize("text", [None, 3, b"hi", ["hi"]])
def test_a_message_that_is_no_text_is_misuse(companion: Companion, text: Any) -> None:
    with pytest.raises(MisuseError, match="a message is a string"):
        companion.stream(text, session="a")
    with pytest.raises(QiaobanError):
        companion.astream(text, session="a")


@pytest.mark.parametrize("session", ["", None, 7])
def test_a_nameless_session_is_misuse(companion: Companion, session: Any) -> None:
    with pytest.raises(MisuseError, match="session names"):
        companion.reply("你好", session=session)
    with pytest.raises(MisuseError):
        companion.forget(session)


def test_an_unknown_model_or_policy_says_what_there_is() -> None:
    with pytest.raises(ModelError, match="did you mean 'openai'"):
        Companion(model="opnai:gpt")
    with pytest.raises(ModelError, match=r"no generate\(messages\)"):
        Companion(model=object())
    with pytest.raises(DocumentError, match="default"):
        Companion("defualt")


def test_forget_removes_everything(companion: Companion) -> None:
    companion.reply("我不想活了", session="a")
    companion.close()  # or its deliveries are still being written into the trail
    before = companion.trail("a")
    receipt = companion.forget("a")
    assert (receipt.sessions, receipt.events, receipt.cases_kept) == (1, len(before), 1)
    assert [event.kind for event in companion.trail("a")] == ["forgotten"]
    assert companion.recall("a") == Memory()
    assert companion.reply("你好", session="a").escalation is None
    companion.forget("never seen")


def test_hand_over_of_an_unknown_session_is_misuse(companion: Companion) -> None:
    with pytest.raises(MisuseError, match="no session is called"):
        companion.hand_over("nobody")


def test_the_trail_keeps_the_childs_words_only_where_the_policy_says() -> None:
    message = "我爸爸天天用皮带抽我"
    for keep in (False, True):
        companion = Companion(unannounced({"memory": {"keep_text": keep}}))
        companion.reply(message, session="a")
        trail = companion.trail("a")
        heard = next(event for event in trail if isinstance(event, Heard))
        weighed = next(event for event in trail if isinstance(event, Weighed))
        assert (heard.text == message) is keep
        assert bool(weighed.risk.findings[0].span) is keep
        assert ("皮带" in str(trail)) is keep


def test_events_and_replies_survive_json(companion: Companion) -> None:
    reply = companion.reply("我不想活了", session="a")
    events = TypeAdapter(tuple[Event, ...])
    assert events.validate_json(events.dump_json(reply.events)) == reply.events
    assert Reply.model_validate_json(reply.model_dump_json()) == reply


def test_a_session_survives_json() -> None:
    store = MemoryStore()
    companion = Companion(unannounced(), store=store)
    for message in ("我好难过", "因为我考砸了", "爸爸打我", "嗯"):
        companion.reply(message, session="a")
    session = store.load("a")
    assert session is not None
    assert Session.model_validate_json(session.model_dump_json()) == session


def test_a_silent_child_is_answered(companion: Companion) -> None:
    for message in ("", "   ", "……", "\u200b", "。。。"):
        assert companion.reply(message, session="a").text


def test_the_oldest_quiet_sessions_are_dropped_first() -> None:
    store = MemoryStore(sessions=3)
    companion = Companion(unannounced(), store=store)
    companion.reply("我不想活了", session="danger")
    for number in range(5):
        companion.reply("你好", session=str(number))
    assert store.load("danger") is not None
    assert store.load("0") is None
    assert store.load("4") is not None


class Echo:
    """Says the child's last message back, slowly, and keeps count of how many are inside."""

    def __init__(self) -> None:
        self.inside: defaultdict[str, int] = defaultdict(int)
        self.most = 0

    async def generate(self, messages: list[Message]) -> Any:
        word = messages[-1]["content"]
        name = word.split("说")[0]
        self.inside[name] += 1
        self.most = max(self.most, self.inside[name])
        for piece in (word, "，", "对", "吗", "？"):
            await asyncio.sleep(0.001)
            yield piece
        self.inside[name] -= 1


async def test_fifty_tasks_do_not_mix_and_a_session_is_serialised() -> None:
    model = Echo()
    companion = Companion(unannounced(), model)

    async def talk(child: int, turn: int) -> tuple[int, int, str]:
        reply = await companion.areply(f"孩子{child}说{turn}号", session=f"s{child}")
        return child, turn, reply.text

    results = await asyncio.gather(*(talk(c, t) for t in range(5) for c in range(10)))
    assert all(text == f"孩子{c}说{t}号，对吗？" for c, t, text in results)
    assert model.most == 1


def test_threads_on_different_sessions_do_not_mix() -> None:
    companion = Companion(unannounced())
    alone = {name: _transcript(Companion(unannounced()), name) for name in ("a", "b", "c", "d")}
    together: dict[str, list[str]] = {}

    def run(name: str) -> None:
        together[name] = _transcript(companion, name)

    threads = [threading.Thread(target=run, args=(name,)) for name in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def _transcript(companion: Companion, session: str) -> list[str]:
    messages = ["我好难过", "同桌不理我了", "我不知道", "嗯", "那我该怎么办", "谢谢你"]
    return [companion.reply(message, session=session).text for message in messages]


def test_two_threads_on_one_session_take_turns() -> None:
    store = MemoryStore()
    companion = Companion(unannounced(), Scripted("我听到了。"), store=store)
    threads = [
        threading.Thread(target=lambda: companion.reply("你好", session="a")) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session = store.load("a")
    assert session is not None
    assert session.turns == 20


async def test_sync_calls_work_inside_a_running_loop(companion: Companion) -> None:
    assert companion.reply("你好", session="a").text
    assert (await companion.areply("你好", session="a")).text
