"""Clauses: in order, apart from each other, with every letter in one; events lie inside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.coaching.clauses import Span, clauses, event_of
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Feeling
from qiaoban_guards.policy.schema import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")
PIECES = [
    *(
        "我",
        "他",
        "小狗",
        "死了",
        "难过",
        "因为",
        "所以",
        "然后",
        "结果",
        "，",
        "。",
        "…",
        "啊",
        "很",
    ),
    *("i", "he", "my dog", "died", "sad", "because", "so", "and", "but", "when", ", ", ".", "!"),
    *(" ", "\n", " - ", "(", ")", '"', "“", "7", "😀"),
]
languages = st.sampled_from(LANGUAGES)
messages = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40)


def feeling(start: int, end: int, *, said: bool = True) -> Feeling:
    return Feeling(Emotion.SADNESS, 2, said, start, end)


def texts(plain: str, spans: list[Span]) -> list[str]:
    return [plain[start:end] for start, end in spans]


@given(messages, languages)
def test_clauses_are_in_order_and_disjoint(plain: str, language: Language) -> None:
    end = 0
    for span in clauses(plain, language):
        assert end <= span.start < span.end <= len(plain)
        end = span.end


@given(messages, languages)
def test_every_letter_is_in_a_clause(plain: str, language: Language) -> None:
    inside = {place for start, end in clauses(plain, language) for place in range(start, end)}
    assert [c for place, c in enumerate(plain) if c.isalnum() and place not in inside] == []


@st.composite
def felt(draw: st.DrawFn) -> tuple[str, list[Feeling]]:
    plain = draw(messages)
    places = st.integers(0, len(plain))
    pairs = draw(st.lists(st.tuples(places, places, st.booleans()), max_size=4))
    return plain, [feeling(min(a, b), max(a, b), said=said) for a, b, said in pairs]


@given(felt(), languages)
def test_an_event_lies_inside_its_clause_and_beside_its_feelings(
    message: tuple[str, list[Feeling]], language: Language
) -> None:
    plain, feelings = message
    for clause in clauses(plain, language):
        event = event_of(plain, clause, feelings, language)
        if event is None:
            continue
        assert clause.start <= event.start < event.end <= clause.end
        for found in feelings:
            if found.said and clause.start <= found.start < found.end <= clause.end:
                assert event.end <= found.start or found.end <= event.start


@pytest.mark.parametrize(
    ("language", "plain", "parts"),
    [
        ("zh", "我的狗死了，我很难过", ["我的狗死了", "我很难过"]),
        ("zh", "我很难过因为狗死了", ["我很难过", "因为狗死了"]),
        ("zh", "下雨了可是我没带伞", ["下雨了", "可是我没带伞"]),
        ("zh", "……", []),
        ("en", "i'm sad because my dog died", ["i'm sad", "because my dog died"]),
        ("en", "my dog died and i cried", ["my dog died", "and i cried"]),
        ("en", "the dog ran, but he fell", ["the dog ran", "but he fell"]),
        ("en", "?!", []),
    ],
)
def test_a_message_is_parted_at_marks_and_connectives(
    language: Language, plain: str, parts: list[str]
) -> None:
    found = texts(plain, clauses(plain, language))
    assert [part.strip() for part in found] == parts


@pytest.mark.parametrize(
    ("language", "plain", "named", "event"),
    [
        ("zh", "我好难过因为我养的小狗死了", "难过", "我养的小狗死了"),
        ("zh", "我的狗死了让我很难过", "难过", "我的狗死了"),
        ("zh", "因为他抢我的笔", "", "他抢我的笔"),
        ("zh", "我的狗死了啊啊", "", "我的狗死了"),
        ("zh", "我今天真的很难过", "难过", None),
        ("en", "i'm sad about my little goldfish", "sad", "my little goldfish"),
        ("en", "my goldfish is lost and it makes me sad", "sad", "my goldfish is lost"),
        ("en", "because he took my bike", "", "he took my bike"),
        ("en", "i just feel really sad", "sad", None),
    ],
)
def test_an_event_is_what_happened_without_the_feeling(
    language: Language, plain: str, named: str, event: str | None
) -> None:
    place = plain.index(named)
    feelings = [feeling(place, place + len(named))] if named else []
    found = event_of(plain, Span(0, len(plain)), feelings, language)
    assert (plain[slice(*found)] if found else None) == event


def test_a_feeling_that_is_only_implied_stays_in_the_event() -> None:
    plain = "my dog died"
    whole = Span(0, len(plain))
    assert event_of(plain, whole, [feeling(7, 11, said=False)], "en") == whole


def test_a_feeling_in_another_clause_does_not_cut_the_event() -> None:
    plain = "我很难过，我的狗死了"
    first, second = clauses(plain, "zh")
    assert event_of(plain, second, [feeling(2, 4)], "zh") == second
    assert event_of(plain, first, [feeling(2, 4)], "zh") is None
