from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.text import Hit, Pattern, expand


def test_hits_come_from_left_to_right_and_do_not_overlap() -> None:
    assert list(Pattern(["打我", "骂"]).hits("他打我又骂，打我")) == [
        Hit(1, 3),
        Hit(4, 5),
        Hit(6, 8),
    ]


def test_an_exception_that_overlaps_spares_the_hit() -> None:
    pattern = Pattern(["打我"], ["打我(?:的)?电话"])
    assert pattern.first("妈妈打我电话") is None
    assert pattern.first("妈妈打我") == Hit(2, 4)


def test_an_exception_beside_a_hit_does_not_spare_it() -> None:
    pattern = Pattern(["打我"], ["打我电话"])
    assert pattern.first("打我电话，又打我") == Hit(6, 8)


def test_an_exception_that_merely_touches_does_not_spare() -> None:
    assert Pattern(["想死"], ["你了"]).first("想死你了") == Hit(0, 2)


def test_a_spared_hit_does_not_hide_one_that_begins_inside_it() -> None:
    assert Pattern(["ab.", "cd"], ["a"]).first("abcd") == Hit(2, 4)


@given(
    any_=st.lists(st.sampled_from(["a", "ab", "b+", "ba?", "c"]), min_size=1, max_size=3),
    except_=st.lists(st.sampled_from(["a", "bc", "cc"]), max_size=2),
    text=st.text("abc", max_size=30),
)
def test_every_hit_is_matched_and_no_exception_overlaps_it(
    any_: list[str], except_: list[str], text: str
) -> None:
    hits = list(Pattern(any_, except_).hits(text))
    spared = list(Pattern(except_).hits(text)) if except_ else []
    for hit in hits:
        assert Pattern(any_).matches_whole(text[hit.start : hit.end])
        assert not any(hit.start < other.end and other.start < hit.end for other in spared)
    for earlier, later in pairwise(hits):
        assert earlier.end <= later.start


def test_an_expression_that_can_be_empty_comes_to_an_end() -> None:
    assert len(list(islice(Pattern(["笨?"]).hits("我笨"), 9))) <= 3


def test_an_exception_that_can_be_empty_does_not_shut_the_pattern_off() -> None:
    assert Pattern(["去死吧"], ["(?:不要)?"]).first("去死吧") == Hit(0, 3)


def test_matches_whole() -> None:
    pattern = Pattern(["你好", "嗨"])
    assert pattern.matches_whole("嗨")
    assert not pattern.matches_whole("嗨呀")


def test_a_wrong_expression_is_named() -> None:
    with pytest.raises(ValueError, match=r"'打\(我'"):
        Pattern(["好的", "打(我"])


def test_a_wrong_exception_is_named() -> None:
    with pytest.raises(ValueError, match=r"'\[你'"):
        Pattern(["好的"], ["[你"])


def test_expand_puts_a_macro_in_a_group() -> None:
    assert expand("{kin}打我", {"kin": "爸|妈"}) == "(?:爸|妈)打我"


def test_expand_reaches_macros_inside_macros() -> None:
    macros = {"kin": "{parent}|奶奶", "parent": "爸|妈"}
    assert expand("{kin}", macros) == "(?:(?:爸|妈)|奶奶)"


def test_expand_leaves_quantifiers_alone() -> None:
    assert expand("a{2}b{0,3}", {}) == "a{2}b{0,3}"


def test_an_unknown_macro_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"\{parnet\}, did you mean \{parent\}\?"):
        expand("{parnet}打我", {"parent": "爸"})


def test_a_macro_that_names_itself_comes_to_an_end() -> None:
    assert expand("{a}", {"a": "x{a}"}).count("x") < 20
