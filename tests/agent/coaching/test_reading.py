"""What is read off a message: feelings beyond doubt, their cause, silence and repetition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Basic, Emotion
from qiaoban_agent.coaching.reading import Reader, Reading, is_repeated, language_of
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import normalise

LANGUAGES: tuple[Language, ...] = ("zh", "en")
PLAIN: list[tuple[Language, str, Basic]] = [
    ("zh", "今天我过生日，收到了好多礼物，太开心了", "happy"),
    ("zh", "我们队赢了决赛，我高兴得跳起来", "happy"),
    ("zh", "我养了三年的乌龟死了，我好伤心", "sad"),
    ("zh", "外公去世了，我一直哭", "sad"),
    ("zh", "最好的朋友转学走了，我心里很难过", "sad"),
    ("zh", "半夜听到怪声音，我吓得不敢动", "fear"),
    ("zh", "明天要上台演讲，我紧张得肚子疼", "fear"),
    ("zh", "我害怕一个人在家", "fear"),
    ("zh", "表哥故意把我的模型摔坏，气死我了", "angry"),
    ("zh", "碗里有只蟑螂，恶心死了", "disgust"),
    ("en", "it's my birthday and i got a bike, i'm so happy", "happy"),
    ("en", "we won the final, best day ever", "happy"),
    ("en", "my tortoise died and i can't stop crying", "sad"),
    ("en", "my grandad passed away, i'm so sad", "sad"),
    ("en", "my best friend is moving to another country and i feel so sad", "sad"),
    ("en", "i heard footsteps in the attic and i'm terrified", "fear"),
    ("en", "i'm really nervous about the swimming test", "fear"),
    ("en", "my cousin smashed my model on purpose, i'm furious", "angry"),
    ("en", "he blamed me for nothing and i'm so angry", "angry"),
    ("en", "there was a cockroach in my soup, so disgusting", "disgust"),
]
CAUSES: list[tuple[Language, str, str]] = [
    ("zh", "我养了三年的乌龟死了，我好伤心", "我养了三年的乌龟死了"),
    ("zh", "碗里有只蟑螂，恶心死了", "碗里有只蟑螂"),
    ("en", "my grandad passed away, i'm so sad", "my grandad passed away"),
    ("en", "my cousin smashed my model on purpose, i'm furious", "my cousin smashed my model"),
]
NEGATED: list[tuple[Language, str]] = [
    ("zh", "我不难过"),
    ("zh", "我没有生气"),
    ("zh", "我一点也不害怕"),
    ("en", "i'm not sad"),
    ("en", "i am not angry"),
    ("en", "i'm not scared at all"),
]
messages = st.text(max_size=60) | st.sampled_from([text for _, text, _ in PLAIN])
languages = st.sampled_from(LANGUAGES)


def read(message: str, language: Language) -> Reading:
    return Reader.shipped(language).read(normalise(message).plain)


@pytest.mark.parametrize(("language", "message", "basic"), PLAIN)
def test_a_plain_message_is_read_for_its_basic_emotion(
    language: Language, message: str, basic: Basic
) -> None:
    reading = read(message, language)
    assert reading.emotion.basic == basic
    assert reading.sure
    assert 1 <= reading.intensity <= 3


@pytest.mark.parametrize(("language", "message", "cause"), CAUSES)
def test_the_cause_is_the_clause_that_tells_what_happened(
    language: Language, message: str, cause: str
) -> None:
    span = read(message, language).cause
    assert span is not None
    assert normalise(message).plain[slice(*span)].startswith(cause)


@given(messages, languages, st.sets(st.sampled_from(CoachingAct)))
@settings(deadline=None)
def test_a_reading_of_anything_keeps_its_word(
    message: str, language: Language, before: set[CoachingAct]
) -> None:
    plain = normalise(message).plain
    reading = Reader.shipped(language).read(plain, before)
    assert (reading.emotion is Emotion.NONE) == (reading.intensity == 0)
    assert 0 <= reading.confidence <= 1
    assert Emotion.NONE not in reading.also
    assert reading.emotion not in reading.also
    if reading.cause is not None:
        start, end = reading.cause
        assert 0 <= start < end <= len(plain)
        assert plain[start:end].strip() == plain[start:end]


@pytest.mark.parametrize(("language", "message"), NEGATED)
def test_a_feeling_the_child_says_it_has_not_is_not_named(language: Language, message: str) -> None:
    reading = read(message, language)
    assert reading.emotion is Emotion.NONE
    assert not reading.said


@pytest.mark.parametrize("message", ["我不开心", "我不高兴"])
def test_not_being_glad_is_sad(message: str) -> None:
    assert read(message, "zh").emotion.basic == "sad"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", ["", "   ", "...", "……", "。。", "!!", "?", "\n", "_", "😀"])
def test_a_message_without_letters_is_silence(language: Language, message: str) -> None:
    assert read(message, language) == Reading(cues=frozenset({Cue.SILENCE}))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", ["嗯", "a", "ok", "7", "…好…"])
def test_a_message_with_a_letter_is_no_silence(language: Language, message: str) -> None:
    assert Cue.SILENCE not in read(message, language).cues


@pytest.mark.parametrize(
    ("plain", "earlier"),
    [
        ("他们都不跟我玩", ["他们都不跟我玩"]),
        ("他们都不跟我玩了", ["他们都不跟我玩"]),
        ("他们都不跟我玩", ["他们都不跟我玩", "嗯", "然后呢"]),
        ("they never let me play", ["they never let me play!"]),
        ("嗯", ["好", "嗯"]),
        ("a" * 500, ["a" * 200]),
    ],
)
def test_almost_the_same_words_are_a_repetition(plain: str, earlier: list[str]) -> None:
    assert is_repeated(plain, earlier)


@pytest.mark.parametrize(
    ("plain", "earlier"),
    [
        ("", [""]),
        ("嗯", ["嗯", "好"]),
        ("他们都不跟我玩", []),
        ("我喜欢画画", ["他们都不跟我玩"]),
        ("the dog ran away", ["they never let me play"]),
    ],
)
def test_other_words_are_no_repetition(plain: str, earlier: list[str]) -> None:
    assert not is_repeated(plain, earlier)


@given(st.text(min_size=1, max_size=200), st.lists(st.text(max_size=30), max_size=3))
@settings(deadline=None)
def test_the_last_message_said_again_is_always_a_repetition(plain: str, earlier: list[str]) -> None:
    assert is_repeated(plain, [*earlier, plain])


@pytest.mark.parametrize(
    ("plain", "otherwise", "language"),
    [
        ("我很难过", "en", "zh"),
        ("我 feel so sad today", "en", "zh"),
        ("my dog died", "zh", "en"),
        ("ok", "zh", "zh"),
        ("ok", "en", "en"),
        ("……", "zh", "zh"),
        ("", "en", "en"),
    ],
)
def test_the_language_is_told_by_the_letters(
    plain: str, otherwise: Language, language: Language
) -> None:
    assert language_of(plain, otherwise) == language
