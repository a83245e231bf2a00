"""The child's own words: turned round, and never what was said to the companion itself."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.coaching.clauses import Span
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.own_words import FACTS, SLOTS, Vocabulary, own_words
from qiaoban_agent.coaching.reading import Reader, Reading
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import normalise

LANGUAGES: tuple[Language, ...] = ("zh", "en")
GAMES = ("我的世界",)
"""Names that have a pronoun in them."""
TO_COMPANION = [
    ("zh", "你把我的橡皮弄丢了，我很难过"),
    ("zh", "我的小狗被你害死了，我很伤心"),
    ("zh", "巧板骗我，我很生气"),
    ("zh", "您骂我了，我好委屈"),
    ("en", "you broke my phone and i'm sad"),
    ("en", "your story scared me"),
    ("en", "ur so mean to me and i'm angry"),
]


def said_of(message: str, language: Language) -> dict[str, str]:
    text = normalise(message)
    return own_words(text, Reader.shipped(language).read(text.plain), language)


def whole(message: str, *, said: bool = False) -> Reading:
    """A reading that takes the whole message for the cause."""
    plain = normalise(message).plain
    return Reading(emotion=Emotion.SADNESS, intensity=2, said=said, cause=Span(0, len(plain)))


@pytest.mark.parametrize(("language", "message"), TO_COMPANION)
def test_what_is_said_to_the_companion_is_no_cause_to_say_back(
    language: Language, message: str
) -> None:
    assert "cause" not in said_of(message, language)
    assert "cause" not in own_words(normalise(message), whole(message), language)


@given(
    st.lists(
        st.sampled_from(["我", "我的", "狗", "死了", "他", "骂", "妈妈", "难过", "，", "的"]),
        max_size=8,
    ),
    st.sampled_from(["你", "您", "妳", "巧板"]),
    st.data(),
)
@settings(deadline=None)
def test_no_slot_has_a_you_that_the_child_wrote(
    pieces: list[str], you: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(pieces)))
    message = "".join([*pieces[:place], you, *pieces[place:]])
    own = own_words(normalise(message), whole(message, said=True), "zh")
    assert "cause" not in own
    assert you == "你" or not any(you in said for said in own.values())


@given(
    st.lists(
        st.sampled_from(["my dog", "died", "i", "lost", "me", "mum", "sad", "because", "and"]),
        max_size=8,
    ),
    st.sampled_from(["you", "your", "u", "ur", "you're", "YOU"]),
    st.data(),
)
@settings(deadline=None)
def test_no_english_cause_is_made_of_words_to_the_companion(
    pieces: list[str], you: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(pieces)))
    message = " ".join([*pieces[:place], you, *pieces[place:]])
    assert "cause" not in own_words(normalise(message), whole(message), "en")


@pytest.mark.parametrize(
    ("language", "message", "slots"),
    [
        ("zh", "我的仓鼠死了", {"cause": "你的仓鼠死了", "thing": "仓鼠"}),
        ("zh", "妈妈骂我了", {"cause": "妈妈骂你了", "person": "妈妈"}),
        ("en", "my hamster died", {"cause": "your hamster died", "thing": "your hamster"}),
        ("en", "MY HAMSTER DIED", {"cause": "your hamster died", "thing": "your hamster"}),
    ],
)
def test_the_slots_hold_the_childs_words_turned_round(
    language: Language, message: str, slots: dict[str, str]
) -> None:
    assert own_words(normalise(message), whole(message), language) == slots


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_feeling_that_was_not_named_is_not_said_back(language: Language) -> None:
    message = {"zh": "我很难过", "en": "i am sad"}[language]
    assert "feeling" in own_words(normalise(message), whole(message, said=True), language)
    assert "feeling" not in own_words(normalise(message), whole(message), language)


def test_an_empty_cause_is_not_said_back() -> None:
    reading = Reading(emotion=Emotion.SADNESS, intensity=1, cause=Span(2, 2))
    assert "cause" not in own_words(normalise("我的狗死了"), reading, "zh")


def test_the_first_person_and_the_causes_last_thing_are_taken() -> None:
    message = "妈妈和奶奶扔了我的小狗和仓鼠"
    own = own_words(normalise(message), whole(message), "zh")
    assert (own["person"], own["thing"]) == ("妈妈", "仓鼠")


def test_a_thing_beside_the_cause_is_not_taken() -> None:
    reading = Reading(emotion=Emotion.SADNESS, intensity=2, cause=Span(0, 5))
    own = own_words(normalise("小狗走丢了，我抱着仓鼠"), reading, "zh")
    assert own["thing"] == "小狗"
    assert own_words(normalise("我抱着仓鼠"), Reading(), "zh")["thing"] == "仓鼠"


@given(st.text(max_size=40), st.sampled_from(LANGUAGES))
@settings(deadline=None)
def test_any_message_yields_only_known_slots_that_hold_something(
    message: str, language: Language
) -> None:
    text = normalise(message)
    own = own_words(text, Reading(), language)
    assert set(own) <= set(SLOTS)
    assert all(own.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_listed_word_is_said_back_with_the_childs_own_pronoun(language: Language) -> None:
    own = re.compile({"zh": "[我俺咱]", "en": r"\b(?:i|i'm|me|my|mine|we|our|us)\b"}[language])
    source = files("qiaoban_agent") / "coaching" / "lexicon" / language / "own_words.yaml"
    lists: dict[str, list[str | dict[str, str]]] = yaml.safe_load(source.read_text("utf-8"))
    for name in ("people", "things"):
        said = [
            word
            for entry in lists[name]
            for word in (entry.values() if isinstance(entry, dict) else [entry])
        ]
        assert said
        assert [word for word in said if own.search(word) and word not in GAMES] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fact", FACTS)
def test_a_message_without_a_fact_tells_none(language: Language, fact: str) -> None:
    assert Vocabulary.shipped(language).fact(fact, "") is None
    assert Vocabulary.shipped(language).fact(fact, "……") is None
