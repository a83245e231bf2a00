"""Whoever may be the one who does harm is not told, also not of what is said another day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qiaoban_agent import Companion
from qiaoban_agent.escalation.case import Case
from tests.policies import unannounced

ROUTES = {
    "escalation": {
        "routes": [
            {"id": "dad", "kind": "callable", "name": "dad", "reaches": ["father"]},
            {"id": "staff", "kind": "callable", "name": "staff", "reaches": ["platform"]},
        ],
        "ladder": [["dad", "staff"]],
    }
}
HIT = "爸爸打我"
DESPAIR = "我不想活了"


class Told:
    """Whom the routes told, by name."""

    def __init__(self) -> None:
        self.dad: list[Case] = []
        self.staff: list[Case] = []


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def companion(told: Told) -> Iterator[Companion]:
    routes = {"dad": told.dad.append, "staff": told.staff.append}
    with Companion(unannounced(ROUTES), routes=routes) as one:
        yield one


def test_a_father_who_hits_is_not_told(companion: Companion, told: Told) -> None:
    companion.reply(HIT, session="monday")
    companion.close()
    assert told.dad == []
    assert len(told.staff) == 1


def test_a_father_of_whom_nothing_was_said_is_told(companion: Companion, told: Told) -> None:
    companion.reply(DESPAIR, session="monday")
    companion.close()
    assert len(told.dad) == 1


def test_he_is_not_told_of_another_conversation_of_the_child(
    companion: Companion, told: Told
) -> None:
    companion.reply(HIT, session="monday", child="kim")
    companion.reply(DESPAIR, session="tuesday", child="kim")
    companion.close()
    assert told.dad == []
    assert {case.session for case in told.staff} == {"monday", "tuesday"}


def test_he_is_not_told_when_the_conversation_was_forgotten_in_between(
    companion: Companion, told: Told
) -> None:
    companion.reply(HIT, session="monday", child="kim")
    companion.forget("monday")
    companion.reply(DESPAIR, session="monday", child="kim")
    companion.close()
    assert told.dad == []


def test_another_childs_father_is_told(companion: Companion, told: Told) -> None:
    companion.reply(HIT, session="monday", child="kim")
    companion.reply(DESPAIR, session="tuesday", child="lee")
    companion.close()
    assert [case.session for case in told.dad] == ["tuesday"]
