"""Judges behind a server with faults: PICA's protocol, and the one without its faults."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any, Literal

import pytest

from qiaoban_agent.models import Message
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.evaluate.judges.criteria import criteria_of, prompts, question
from qiaoban_finetune.evaluate.judges.judge import InspectJudge, judge_from
from qiaoban_finetune.evaluate.judges.protocols import (
    Asking,
    Verdict,
    leading_number,
    structured_score,
    verdict_of,
)
from tests.agent.models.fake_openai import refusing
from tests.finetune.evaluate.judge_server import Answer, JudgeWire, judging, saying, scoring

pytest.importorskip("inspect_ai")
PICA = Asking(protocol="pica")


def _asked(form: Literal["score", "number"]) -> Sequence[Message]:
    return question("empathy", [("user", "我的狗死了")], ["你一定很难过。"], "zh", form)


async def _verdict(how: Asking) -> Verdict:
    judge = judge_from("openai:judge")
    assert isinstance(judge, InspectJudge)
    impatient = InspectJudge("judge", judge._model, retries=0, **judge._settings)  # pyright: ignore[reportPrivateUsage]
    return await verdict_of(impatient, _asked, how)


async def test_pica_asks_for_twenty_at_temperature_two_and_takes_the_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with judging(monkeypatch, saying(*["4"] * 10, *["3分"] * 10)) as server:
        verdict = await _verdict(PICA)
    [heard] = server.heard
    assert (heard["n"], heard["temperature"]) == (20, 2.0)
    assert heard.get("max_tokens", heard.get("max_completion_tokens")) == 5
    assert verdict == Verdict(score=3.5, counted=20, asked=20)


async def test_pica_asks_again_until_two_thirds_count(monkeypatch: pytest.MonkeyPatch) -> None:
    few = saying(*["5"] * 13, *["不知道"] * 7)
    enough = saying(*["2"] * 14, *["不知道"] * 6)
    with judging(monkeypatch, few, few, enough) as server:
        verdict = await _verdict(PICA)
    assert len(server.heard) == 3
    assert (verdict.score, verdict.counted) == (2.0, 14)


async def test_pica_takes_one_in_the_fifth_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with judging(monkeypatch, saying("4", *["？"] * 19)) as server:
        verdict = await _verdict(PICA)
    assert len(server.heard) == 5
    assert verdict.score == 4.0


async def test_pica_ends_where_no_sample_is_ever_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    with judging(monkeypatch, saying("我不打分")) as server:
        verdict = await _verdict(PICA)
    assert len(server.heard) == 5
    assert verdict == Verdict(score=None, reason="no score in 100 answers", asked=100)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("4", 4.0),
        (" 3.5分", 3.5),
        ("5.0", 5.0),
        ("0", None),
        ("6", None),
        ("十", None),
        ("分数：4", None),
        ("", None),
        ("-3", None),
    ],
)
def test_a_score_of_picas_is_the_leading_number_above_zero_up_to_five(
    answer: str, score: float | None
) -> None:
    assert leading_number(answer) == score


async def test_a_structured_answer_is_asked_for_with_its_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with judging(monkeypatch, scoring(4, "接住了")) as server:
        verdict = await _verdict(Asking(temperature=0.7, samples=3))
    assert verdict == Verdict(score=4.0, reason="接住了", counted=3, asked=3)
    [heard] = server.heard
    assert (heard["n"], heard["temperature"]) == (3, 0.7)
    schema = heard["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]


async def test_a_server_without_schemas_is_asked_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with judging(monkeypatch, scoring(2)) as server:
        assert (await _verdict(Asking(told_form=False))).score == 2.0
    assert "response_format" not in server.heard[0]


@pytest.mark.parametrize(
    "said",
    ["", "4", "{", '{"score": 7}', '{"score": "4"}', '{"score": true}', '{"score": 3.5}', None],
)
async def test_what_is_no_answer_is_asked_for_three_times_and_no_more(
    monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    with judging(monkeypatch, saying(said)) as server:
        verdict = await _verdict(Asking())
    assert len(server.heard) == 3
    assert verdict.score is None
    assert verdict.reason == "no score in 3 answers"


async def test_only_the_samples_that_are_missing_are_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = json.dumps({"reason": "", "score": 5})
    with judging(monkeypatch, saying(good, "…", "…"), scoring(2)) as server:
        verdict = await _verdict(Asking(samples=3))
    assert [body.get("n") for body in server.heard] == [3, 2]
    assert verdict.score == 3.0


def _reset(wire: JudgeWire) -> None:
    wire.reset()


def _garbled(wire: JudgeWire) -> None:
    wire.whole(b"<html>no</html>", "text/html")


def _choiceless(wire: JudgeWire) -> None:
    wire.answer()


@pytest.mark.parametrize(
    "fault",
    [refusing(400), refusing(401), refusing(500), refusing(429), _reset, _garbled, _choiceless],
    ids=["400", "401", "500", "429", "reset", "garbled", "no choices"],
)
async def test_a_judge_that_fails_has_given_no_score_and_says_why(
    monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    with judging(monkeypatch, fault):
        verdict = await _verdict(Asking())
    assert verdict.score is None
    assert verdict.reason


def test_json_between_other_words_is_read() -> None:
    assert structured_score('好的：\n```json\n{"reason": "暖", "score": 4}\n```') == (4, "暖")


def test_a_judge_sees_what_the_criterion_is_about_and_nothing_escaped() -> None:
    talk = [("user", "他说“<3”&笑"), ("assistant", "嗯"), ("user", "然后呢")]
    alone = question("fluency", talk, ["好呀"], "zh", "score")[1]["content"]
    whole = question("consistency", talk, ["好呀"], "zh", "score")[1]["content"]
    assert "笑" not in alone
    assert "孩子：他说“<3”&笑\nAI伙伴：嗯\n孩子：然后呢" in whole
    assert whole.count("好呀") == alone.count("好呀") == 1


def test_every_task_has_criteria_and_every_criterion_both_languages() -> None:
    for task in ("dialogue", "coaching", "child_safety", "attacks"):
        assert criteria_of(task)
    assert criteria_of("dialogue") == ("fluency", "consistency", "empathy")
    assert set(prompts().frame) == set(prompts().padding) == {"zh", "en"}


@pytest.mark.parametrize("spec", ["gpt", "openai:", "inspect:", "curated"])
def test_a_judge_that_is_none_is_told_what_to_write(spec: str) -> None:
    with pytest.raises(ConfigError, match="write openai:MODEL"):
        judge_from(spec)


async def test_a_rate_limit_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """inspect's own retries: bounded, and honoured where the server says how long."""
    numbers = count()

    def soon(wire: JudgeWire) -> None:
        first = next(numbers) == 0
        (refusing(429, retry_after="0") if first else scoring(3))(wire)

    waited: Answer = soon
    monkeypatch.setattr("inspect_ai.model._retry.wait_exponential_jitter", _no_wait)
    with judging(monkeypatch, waited) as server:
        verdict = await verdict_of(judge_from("openai:judge"), _asked, Asking())
    assert verdict.score == 3.0
    assert len(server.heard) == 2


def _no_wait(**_: Any) -> Any:
    from tenacity import wait_none

    return wait_none()
