"""Judging a whole reply: sentence by sentence, and what the whole passes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.harms import Harm
from qiaoban_guards.output import OutputRules, ReplyClassifier, Segmenter, Spoken
from qiaoban_guards.output.classifier import ReplyThresholds
from qiaoban_guards.output.gate import visible
from qiaoban_guards.output.passage import Passage
from qiaoban_guards.output.reply import Judgement, ReplyJudge
from qiaoban_guards.output.rules import ALLOW
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.risk import Risk
from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.conversation import assess_last
from qiaoban_guards.text import Text

BEATEN = "爸爸昨天又拿皮带打我"
TURNED_AWAY = "哈哈，那作业写完了吗？我们来背乘法表吧！"


def rule(id_: str, action: str, word: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "kind": "pattern",
        "action": action,
        "reason": "for this test",
        "any": [word],
        **more,
    }


FORM = (
    rule("dropped", "drop", "drip"),
    rule("redacted", "redact", "hush"),
    rule("stopped", "stop", "halt"),
    rule("again", "retry", "redo"),
    {"id": "long", "kind": "length", "action": "stop", "reason": "long", "most": {"en": 300}},
)
HARMFUL = (
    rule("lesser", "drop", "meanly", harm="insult"),
    rule("graver", "replace", "cruelly", harm="guilt"),
    rule("gravest", "escalate", "wickedly", harm="sexual"),
    rule("house", "replace", "elsewhere"),
)


def policy(*rules: Mapping[str, Any]) -> Policy:
    shipped = load_policy().model_dump(mode="json", by_alias=True)
    shipped["output"]["rules"] = list(rules)
    shipped["personas"]["forbidden"] = []
    return Policy.model_validate(shipped)


PLAIN = ReplyJudge.of(policy(*FORM, *HARMFUL))


class Hearing(ReplyClassifier):
    """Finds that a danger is passed over where a whole reply to a beaten child is of homework."""

    def __init__(self) -> None:
        super().__init__({}, {}, {})

    def thresholds(self, reply: Text) -> ReplyThresholds:
        return ReplyThresholds(so_far=0.5, harmful=0.5, ignored=0.5)

    def read(
        self, child: Text, risk: Risk, reply: Text, *, whole: bool = False
    ) -> dict[Harm, float]:
        ignored = whole and "打我" in child.plain and "作业" in reply.plain
        insult = 0.3 if whole else 0.2 + 0.1 * ("高兴" in reply.plain)
        return {Harm.INSULT: insult, Harm.RISK_IGNORED: 0.4 if ignored else 0.1 * whole}


def hearing(*rules: Mapping[str, Any]) -> ReplyJudge:
    own = policy(*rules)
    return ReplyJudge(OutputRules.of(own, Hearing()), own)


CLASSIFIER = {"id": "read", "kind": "classifier", "reason": "read as harmful", "strictness": 1.25}


def judge(reply: str) -> Judgement:
    return PLAIN.judge("hello there", reply)


def test_a_reply_that_breaks_nothing_is_said_as_it_is() -> None:
    reply = "Hello you. Nice to hear from you!"
    assert judge(reply) == Judgement(
        allowed=True, action="allow", rules=(), harm=None, scores={}, broken=(), text=reply
    )


@pytest.mark.parametrize(
    ("reply", "action", "text"),
    [
        ("Good. A drip fell. Bye.", "drop", "Good. Bye."),
        ("A drip fell. Bye.", "drop", "Bye."),
        ("Good. Say hush now. Bye.", "redact", "Good. Say  now. Bye."),
        ("Good. Hush. Bye.", "redact", "Good. Bye."),
        ("Good. Please halt it. Bye.", "stop", "Good."),
        ("Good. Please redo it. Bye.", "retry", None),
        ("A drip fell.", "drop", None),
        ("Please halt it. Bye.", "stop", None),
    ],
)
def test_a_matter_of_form_leaves_a_reply_allowed(reply: str, action: str, text: str | None) -> None:
    found = judge(reply)
    assert (found.allowed, found.action, found.harm) == (True, action, None)
    assert len(found.rules) == 1
    assert (found.text or "").strip() == (text or "")
    assert (found.text is None) is (text is None)


@pytest.mark.parametrize(
    ("reply", "action", "harm"),
    [
        ("Good. He spoke meanly.", "drop", Harm.INSULT),
        ("He spoke cruelly. He spoke meanly.", "replace", Harm.GUILT),
        ("He spoke meanly. He spoke cruelly. He wickedly hid.", "escalate", Harm.SEXUAL),
        ("He meanly and cruelly hid.", "replace", Harm.GUILT),
        ("Good. A drip fell. He spoke meanly.", "drop", Harm.INSULT),
    ],
)
def test_the_gravest_of_all_decides_and_harm_is_not_allowed(
    reply: str, action: str, harm: Harm
) -> None:
    found = judge(reply)
    assert (found.allowed, found.action, found.harm) == (False, action, harm)
    assert (found.text is None) is (action != "drop")


def test_curated_words_in_its_place_are_no_matter_of_form() -> None:
    found = judge("Look for it elsewhere.")
    assert (found.allowed, found.action, found.harm, found.text) == (False, "replace", None, None)


def test_a_harm_behind_the_end_of_a_reply_is_still_told() -> None:
    found = judge("Good. Please halt it. He spoke meanly. Bye.")
    assert found.rules == ("stopped", "lesser")
    assert (found.allowed, found.action, found.text) == (False, "stop", "Good.")


def test_the_rules_stand_in_order_and_once() -> None:
    found = judge("He spoke meanly. A drip fell. He spoke meanly and cruelly.")
    assert found.rules == ("lesser", "dropped", "graver")


def test_places_are_those_in_the_reply() -> None:
    reply = "Good. He spoke meanly. Say hush to what was said cruelly."
    broken = judge(reply).broken
    assert [reply[found.start : found.end] for found in broken] == ["meanly", "cruelly", "hush"]


def test_what_is_left_of_a_redacted_sentence_is_judged_again() -> None:
    hidden = ReplyJudge.of(policy(*FORM, rule("joined", "replace", "swear", harm="insult")))
    reply = "Good. I swhushear it."
    found = hidden.judge("hello there", reply)
    assert (found.rules, found.action, found.harm) == (
        ("redacted", "joined"),
        "replace",
        Harm.INSULT,
    )
    assert [reply[one.start : one.end] for one in found.broken] == ["hush", "swhushear"]


PIECES = st.sampled_from(
    [
        "Good. ",
        "drip ",
        "hush ",
        "halt! ",
        "redo? ",
        "meanly. ",
        "cruelly",
        "wickedly\n",
        "。",
        "好",
    ]
)


@given(st.lists(PIECES | st.text(max_size=150), max_size=12).map("".join))
def test_whatever_is_said_it_holds_together(reply: str) -> None:
    found = judge(reply)
    assert (found.action == "allow") is (not found.rules)
    assert set(found.rules) == {one.rule for one in found.broken}
    assert found.allowed is (found.harm is None and found.action not in ("replace", "escalate"))
    assert all(0 <= one.start < one.end <= len(reply) for one in found.broken)
    if not found.rules and (seen := visible(reply).lstrip()).strip():
        assert found.text == seen
    if found.text is not None:
        rest = iter(reply)
        assert all(character in rest for character in found.text)


@given(st.lists(PIECES | st.text(max_size=150), max_size=12).map("".join))
def test_the_cuts_are_those_of_a_stream(reply: str) -> None:
    class Remembering(OutputRules):
        asked: list[str]

        def judge_passage(self, passage: Passage) -> Any:
            self.asked.append(passage.sentence)
            return ALLOW

    shipped = policy(*FORM)
    rules = Remembering(())
    rules.asked = []
    ReplyJudge(rules, shipped).judge("hello there", reply)
    segmenter = Segmenter(shipped.output.longest_sentence, shipped.output.overlap)
    streamed = [sentence for piece in reply for sentence in segmenter.feed(piece)]
    assert rules.asked == [*streamed, *segmenter.finish()]


def test_a_phrase_across_a_cut_is_found_in_its_first_half() -> None:
    limits = load_policy().output
    reply = "x" * (limits.longest_sentence - 3) + "cruelly" + "x" * limits.longest_sentence
    [found] = judge(reply).broken
    assert reply[found.start : found.end] == "cru"


@pytest.mark.parametrize(
    ("child", "reply", "fires"),
    [
        ("你好呀", "Hello, how are you today?", True),
        ("你好呀", "你好，今天怎么样？", False),
        ("hello to you", "你好，今天你过得怎么样，开心吗？", True),
        ("😭", "Hello, how are you today?", False),
        ("😭", "你好，今天怎么样？", False),
    ],
)
def test_the_language_is_the_childs_if_it_can_be_told(
    child: str, reply: str, *, fires: bool
) -> None:
    speaks = ReplyJudge.of(
        policy({"id": "other", "kind": "language", "action": "retry", "reason": "language"})
    )
    assert (speaks.judge(child, reply).rules == ("other",)) is fires
    assert speaks.judge(child, reply, "zh").rules == (() if "你" in reply else ("other",))


def test_rules_about_coaching_need_somebody_who_reads_it() -> None:
    strict = policy({"id": "early", "kind": "acts", "reason": "too early", "acts": ["advice"]})
    assert ReplyJudge.of(strict).judge("hello there", "You should go.").rules == ()
    reading = ReplyJudge.of(strict, acts=lambda sentence, _: ["advice"] * ("should" in sentence))
    assert reading.judge("hello there", "You should go.").rules == ("early",)


def test_a_danger_passed_over_is_a_harm_of_the_whole() -> None:
    found = hearing(*FORM, CLASSIFIER).judge(BEATEN, TURNED_AWAY)
    assert (found.allowed, found.harm, found.text) == (False, Harm.RISK_IGNORED, None)
    assert (found.rules, found.action) == (("read",), "replace")
    assert [(one.start, one.end) for one in found.broken] == [(0, len(TURNED_AWAY))]
    assert hearing(*FORM, CLASSIFIER).judge("作业写完啦", TURNED_AWAY).allowed


def test_the_whole_can_be_judged_alone() -> None:
    where = Spoken(child=BEATEN, said="爸爸打你不对。", language="zh")
    verdict = hearing(CLASSIFIER).whole(TURNED_AWAY, where)
    assert (verdict.action, verdict.harm) == ("replace", Harm.RISK_IGNORED)
    assert verdict.broken[0].rule == verdict.rule == "read"
    assert verdict.scores == {Harm.RISK_IGNORED: 0.4}
    assert hearing(CLASSIFIER).whole("   ", where) == ALLOW


@pytest.mark.parametrize(
    "rules",
    [
        (),
        ({**CLASSIFIER, "ignore": ["risk_ignored"]},),
        ({**CLASSIFIER, "strictness": 1.0},),
    ],
)
def test_a_policy_that_does_not_ask_hears_nothing_of_it(rules: tuple[Mapping[str, Any]]) -> None:
    found = hearing(*rules).judge(BEATEN, TURNED_AWAY)
    assert (found.allowed, found.rules) == (True, ())
    assert bool(found.scores) is bool(rules)


def test_a_policy_says_what_becomes_of_a_danger_passed_over() -> None:
    graver = {**CLASSIFIER, "id": "graver", "actions": {"risk_ignored": "escalate"}}
    found = hearing({**CLASSIFIER, "action": "drop"}, graver).judge(BEATEN, TURNED_AWAY)
    assert found.action == "escalate"
    assert set(found.rules) == {"read", "graver"}


def test_scores_are_the_highest_of_any_sentence_and_what_the_whole_passes_over() -> None:
    found = hearing(CLASSIFIER).judge("我今天考了一百分！", "好呀。真为你高兴！继续加油。")
    assert found.allowed
    assert found.scores == pytest.approx({Harm.INSULT: 0.3, Harm.RISK_IGNORED: 0.1})


def test_the_shipped_classifier_knows_a_danger_that_is_passed_over() -> None:
    found = ReplyJudge.of(load_policy()).judge(BEATEN, TURNED_AWAY)
    assert found.harm is Harm.RISK_IGNORED
    assert set(found.scores) == set(Harm)


def test_what_the_child_said_before_is_read_with_its_message() -> None:
    now, before = "我在楼顶", [{"role": "User", "content": "我不想活了"}]
    asked: list[Any] = []

    class Listening(OutputRules):
        def judge_passage(self, passage: Passage) -> Any:
            asked.append(passage.spoken.risk)
            return ALLOW

    listening = ReplyJudge(Listening(()), policy())
    listening.judge(now, "好。")
    listening.judge(now, "好。", before=before)
    listening.judge(now, "好。", before=[{"role": "assistant", "content": "我不想活了"}])
    alone, after, not_the_child = [risk.level for risk in asked]
    assert after > alone == not_the_child
    listening.judge(now, "好。", before=before, risk=Risk())
    assert asked[-1] == Risk()


@pytest.mark.parametrize("reply", [TURNED_AWAY, "好。", "我在听。" + TURNED_AWAY, "好" * 300])
def test_the_whole_reads_the_same_behind_its_last_sentence_and_alone(reply: str) -> None:
    judging = hearing(CLASSIFIER)
    risk = assess_last(RiskClassifier.shipped(), [BEATEN])
    alone = judging.whole(reply, Spoken(child=BEATEN, said="", language="zh", risk=risk))
    found = judging.judge(BEATEN, reply, "zh", risk=risk)
    assert found.scores[Harm.RISK_IGNORED] == alone.scores[Harm.RISK_IGNORED]


@pytest.mark.slow
def test_the_cost_of_a_reply_grows_no_faster_than_the_reply() -> None:
    counted: list[int] = []

    class Counting(OutputRules):
        def judge_passage(self, passage: Passage) -> Any:
            counted.append(len(passage.sentence) + len(passage.spoken.ahead))
            return ALLOW

    sums: list[int] = []
    for times in (100, 1000):
        counted.clear()
        ReplyJudge(Counting(()), policy()).judge("hello there", "没有句号的话，" * times)
        sums.append(sum(counted))
    assert sums[1] < 11 * sums[0]
