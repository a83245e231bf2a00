"""Personal data is hidden, a disclosure stays, a harmful reply goes, early advice is told."""

from __future__ import annotations

from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_finetune.clean.steps import Cleaner
from tests.finetune.clean.samples import CALM, cleaned, raw, record, texts


def whats(outcome: Outcome) -> list[str]:
    return [note.what for note in outcome.notes]


def test_personal_data_is_masked_in_messages_topic_and_extra() -> None:
    value = record(
        "我的电话是13812345678", *CALM[1:], topic="打13812345678", extra={"a": "13812345678"}
    )
    outcome = cleaned(value, personal_data="mask")
    assert outcome.dialogue is not None
    assert texts(outcome)[0] == "我的电话是<phone>"
    assert outcome.dialogue.topic == "打<phone>"
    assert outcome.dialogue.extra == (("a", "<phone>"),)
    assert "13812345678" not in "".join(note.sample for note in outcome.notes)
    assert cleaned(value, personal_data="drop").reason == "personal data"
    assert texts(cleaned(value, personal_data="placeholder"))[0] == "我的电话是<电话1>"


def test_a_disclosure_that_is_answered_well_stays() -> None:
    said = [
        "今天心情不好",
        "想说说吗？",
        "爸爸喝醉了就打我",
        "谢谢你告诉我，这不是你的错。可以告诉老师或打12355。",
    ]
    outcome = cleaned(record(*said), harmful="cut")
    assert texts(outcome) == said
    assert "disclosures kept: abuse" in whats(outcome)


def test_a_harmful_reply_goes_with_what_follows_it() -> None:
    said = [*CALM, "爸爸喝醉了就打我", "你肯定惹他生气了，不许告诉别人。", "嗯", "乖。"]
    outcome = cleaned(record(*said), harmful="cut")
    assert texts(outcome) == CALM
    assert any(what.startswith("cut before a harmful reply: ") for what in whats(outcome))
    assert cleaned(record(*said), harmful="drop").reason.startswith("a harmful reply: ")
    assert texts(cleaned(record(*said), harmful="keep")) == said


def test_what_is_left_too_short_by_a_harmful_reply_goes() -> None:
    said = ["爸爸喝醉了就打我", "你肯定惹他生气了，不许告诉别人。", *CALM]
    assert cleaned(record(*said), harmful="cut").reason.startswith("a harmful reply: ")


def test_advice_that_comes_at_once_is_told() -> None:
    said = ["我考砸了", "你应该每天早上六点起来背单词，再把错题抄三遍。", *CALM[2:]]
    assert cleaned(record(*said), early_advice="drop").reason == "early advice"
    assert texts(cleaned(record(*CALM), early_advice="drop")) == CALM


def test_every_step_of_the_usual_configuration_passes_a_good_dialogue() -> None:
    outcome = Cleaner(CleanConfig()).clean(raw(record(*CALM)))
    assert texts(outcome) == CALM
    assert not outcome.notes
    assert len(outcome.signature) == 4 * 128
