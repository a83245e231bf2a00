from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading
from qiaoban_guards.pii.tagger.tokens import BUCKETS, Find, features_of, tokens_of
from qiaoban_guards.pii.word_lists import word_list
from qiaoban_guards.text import normalise
from tests.guards.pii.messages import MESSAGES
from tests.guards.pii.rules.trials import assert_linear


def reading_of(text: str) -> Reading:
    return Reading(normalise(text))


def forms(text: str) -> list[str]:
    return [token.form for token in tokens_of(reading_of(text))]


def test_of_the_words_of_a_list_the_longest_is_marked_at_each_of_its_tokens() -> None:
    def added(text: str) -> list[int]:
        reading = reading_of(text)
        return [len(seen) for seen in features_of(reading, tokens_of(reading), ())]

    assert "new york" in {word.replace("_", " ") for word in word_list("english_places", "cities")}
    [new, york] = added("New York")
    [fresh, air] = added("Qzx Qzy")
    assert new > fresh
    assert york > air


def test_han_characters_stand_alone_and_letters_and_digits_together() -> None:
    assert forms("我叫Emma李,12岁") == ["我", "叫", "emma", "李", ",", "12", "岁"]


def test_a_possessive_is_a_token_of_its_own() -> None:
    assert forms("Zahra’s house") == ["zahra", "'s", "house"]


def test_a_space_between_han_characters_is_seen_though_the_plain_form_has_none() -> None:
    apart = [token.apart for token in tokens_of(reading_of("李明 今年十岁"))]
    assert apart == [False, False, True, False, False, False]


@given(MESSAGES)
def test_tokens_lie_in_the_plain_form_in_order_and_leave_only_spaces_out(message: str) -> None:
    reading = reading_of(message)
    tokens = tokens_of(reading)
    assert all(token.start < token.end for token in tokens)
    covered = "".join(reading.plain[token.start : token.end] for token in tokens)
    assert covered == "".join(reading.plain.split())


@given(MESSAGES, st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 9)), max_size=3))
def test_every_token_has_features_whatever_was_found(
    message: str, found: list[tuple[Kind, int]]
) -> None:
    reading = reading_of(message)
    tokens = tokens_of(reading)
    finds: list[Find] = [(kind, start, start + 3) for kind, start in found]
    features = features_of(reading, tokens, finds)
    assert len(features) == len(tokens)
    assert all(its and all(0 <= number < BUCKETS for number in its) for its in features)


def test_capitals_change_what_is_seen_though_not_the_token() -> None:
    low, high = reading_of("will said"), reading_of("Will said")
    tokens = tokens_of(low)
    assert [token.form for token in tokens] == [token.form for token in tokens_of(high)]
    assert features_of(low, tokens, ())[0] != features_of(high, tokens, ())[0]


def test_what_rules_found_changes_what_is_seen_inside_and_beside_it() -> None:
    reading = reading_of("我叫李明吗")
    tokens = tokens_of(reading)
    alone = features_of(reading, tokens, ())
    told = features_of(reading, tokens, [(Kind.NAME, 2, 4)])
    assert [seen == before for seen, before in zip(told, alone, strict=True)] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_long_messages_take_time_in_proportion() -> None:
    def work(text: str) -> None:
        reading = reading_of(text)
        tokens = tokens_of(reading)
        every = [(Kind.AGE, token.start, token.end) for token in tokens[::4]]
        features_of(reading, tokens, every)

    assert_linear(work, "张一诺和lee住12号")
