"""What a dialogue's measures count, and what they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.report import EARLY, Exchange, acts_of, advises_early, report, takes_up
from qiaoban_agent.coaching.timeline import early_turns
from qiaoban_agent.coaching.tracker import Stage

ADVICE = {"zh": "你可以试试跟老师说。", "en": "You could try telling your teacher."}
LABEL = {"zh": "听起来你很难过。", "en": "That sounds really sad."}
ACCEPT = {"zh": "难过是很正常的。", "en": "It's okay to feel sad."}
EXPLORE = "你觉得可以怎么办？"
ASKS = {"zh": "我该怎么办呀", "en": "what should i do?"}
TELLS = {"zh": "橡皮被同桌扔了", "en": "my friend broke my pencil"}
LANGUAGES = ("zh", "en")


def dialogue(*said: tuple[str, str]) -> list[Exchange]:
    return [Exchange(child=child, reply=reply) for child, reply in said]


def fillers(turns: int) -> list[tuple[str, str]]:
    """Turns whose sentences are all different."""
    return [("嗯嗯", f"这是第{n}句不一样的话。") for n in range(100, 100 + turns)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_advice_in_the_first_two_answers_that_nobody_asked_for_is_early(language: str) -> None:
    child = TELLS[language]
    assert EARLY == 2
    for early, turns in [
        (1, [(child, ADVICE[language])]),
        (1, [(child, LABEL[language]), (child, ADVICE[language])]),
        (2, [(child, ADVICE[language]), (child, ADVICE[language])]),
        (0, [(child, LABEL[language]), (child, ACCEPT[language]), (child, ADVICE[language])]),
    ]:
        assert report("a", dialogue(*turns)).advice_early == early, turns
        assert advises_early(dialogue(*turns)) is (early > 0), turns


@pytest.mark.parametrize("language", LANGUAGES)
def test_advice_that_was_asked_for_is_not_early_then_or_later(language: str) -> None:
    asked, told, advice = ASKS[language], TELLS[language], ADVICE[language]
    assert report("a", dialogue((asked, advice))).advice_early == 0
    assert report("a", dialogue((asked, advice), (told, advice))).advice_early == 0
    measured = report("a", dialogue((told, advice), (asked, advice)))
    assert measured.advice_early == 1
    assert early_turns(measured) == (0,)


def test_the_early_turns_are_those_that_advise() -> None:
    child, advice, label = TELLS["zh"], ADVICE["zh"], LABEL["zh"]
    for turns, early in [
        ([(child, label), (child, advice)], (1,)),
        ([(child, advice), (child, advice), (child, advice)], (0, 1)),
        ([(child, label), (child, label), (child, advice)], ()),
    ]:
        assert early_turns(report("a", dialogue(*turns))) == early


@pytest.mark.parametrize("sentence", ["你愿意和我讲讲吗？", "Would you like to tell me more?"])
def test_a_sentence_is_repeated_within_15_turns_and_not_beyond(sentence: str) -> None:
    for between, repeated in [(0, 1), (14, 1), (15, 0), (20, 0)]:
        turns = [("嗯", sentence), *fillers(between), ("嗯", sentence)]
        measured = report("a", dialogue(*turns))
        assert measured.repeated == (sentence,) * repeated, between


def test_each_repetition_counts_from_the_last_time() -> None:
    sentence = "你愿意和我讲讲吗？"
    turns = [("嗯", sentence), *fillers(10), ("嗯", sentence), *fillers(14)[10:], ("嗯", sentence)]
    assert report("a", dialogue(*turns)).repeated == (sentence, sentence)


@pytest.mark.parametrize("short", ["嗯。", "好呀。", "Okay.", "I see."])
def test_little_words_may_come_again(short: str) -> None:
    assert report("a", dialogue(("嗯", short), ("嗯", short))).repeated == ()


def test_questions_are_counted_by_their_marks() -> None:
    measured = report(
        "a",
        dialogue(
            ("嗯", "怎么啦？想说说吗？"),
            ("嗯", "真的吗？？？！"),
            ("hm", "Why? What happened?? Who was it?"),
            ("嗯", "我在听。"),
        ),
    )
    assert measured.most_questions == 3
    assert measured.questions_a_turn == pytest.approx(6 / 4)


@pytest.mark.parametrize(
    ("child", "reply"),
    [
        ("橡皮被同桌扔了", "同桌这样做，真叫人生气。"),
        ("my friend broke my pencil", "Your pencil, of all things."),
        ("我好想奶奶", "你在想奶奶呢。"),
    ],
)
def test_a_reply_with_a_word_of_the_childs_takes_it_up(child: str, reply: str) -> None:
    assert report("a", dialogue((child, reply))).own_words == 1.0


@pytest.mark.parametrize(
    ("child", "reply"),
    [
        ("橡皮被同桌扔了", "我在听呢。"),
        ("知道，可以。", "你知道，就可以。"),
        ("i feel like that", "I know what that feels like."),
        ("嗯", "嗯。"),
    ],
)
def test_common_words_are_not_the_childs_own(child: str, reply: str) -> None:
    assert not takes_up(reply, [child])


def test_words_of_earlier_messages_count_for_a_while() -> None:
    told, answer = ("橡皮被同桌扔了", "我在听呢。"), ("嗯", "那块橡皮对你很要紧。")
    for between, share in [(0, 1 / 2), (4, 1 / 6), (5, 0.0)]:
        turns = [told, *[("嗯", "好。")] * between, answer]
        assert report("a", dialogue(*turns)).own_words == pytest.approx(share, abs=1e-3), between


@pytest.mark.parametrize("language", LANGUAGES)
def test_solutions_after_the_feeling_was_heard_are_in_order(language: str) -> None:
    child, advice = TELLS[language], ADVICE[language]
    for turns, order in [
        ([(child, LABEL[language]), (child, advice)], True),
        ([(child, ACCEPT[language]), (child, advice)], True),
        ([(child, f"{LABEL[language]} {advice}")], True),
        ([(child, advice), (child, LABEL[language])], False),
        ([(ASKS[language], advice)], True),
        ([(child, LABEL[language])], None),
    ]:
        assert report("a", dialogue(*turns)).validated_first is order, turns


def test_asking_for_solutions_needs_the_feeling_heard_too() -> None:
    assert report("a", dialogue((TELLS["zh"], EXPLORE))).validated_first is False


def test_a_stage_of_the_log_goes_before_one_that_is_guessed() -> None:
    guessed = Exchange(child="嗯", reply=EXPLORE)
    logged = Exchange(child="嗯", reply=EXPLORE, stage=Stage.CLOSE)
    bare = Exchange(child="嗯", reply="我在。")
    assert report("a", [guessed, logged, bare]).stages == (Stage.EXPLORE, Stage.CLOSE, None)


@pytest.mark.parametrize(
    ("reply", "act"),
    [
        ("别哭了，这没什么大不了的。", CoachingAct.DISMISS),
        ("Stop crying, it's nothing.", CoachingAct.DISMISS),
        ("我是你妈妈。", CoachingAct.RELATION_CLAIM),
        ("我保证一定会好的。", CoachingAct.PROMISE),
    ],
)
def test_what_harms_is_counted_by_turn(reply: str, act: CoachingAct) -> None:
    assert act in acts_of(reply)
    measured = report("a", dialogue(("嗯", reply), ("嗯", "我在听呢。"), ("嗯", reply)))
    assert measured.harmful[act] == 2


def test_a_dialogue_without_an_answer_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="a: no child's message with an answer"):
        report("a", [])


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=60)), min_size=1, max_size=6))
def test_any_text_is_measured_within_bounds(said: list[tuple[str, str]]) -> None:
    measured = report("a", dialogue(*said))
    assert measured.turns == len(said) == len(measured.stages) == len(measured.acts)
    assert 0 <= measured.advice_early <= min(EARLY, len(said))
    assert 0.0 <= measured.own_words <= 1.0
    assert measured.questions_a_turn <= measured.most_questions
    assert len(early_turns(measured)) == measured.advice_early
    assert measured == report("a", dialogue(*said))
