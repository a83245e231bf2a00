from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qiaoban_guards.classification.features import BUCKETS, features, named_features, spans

_ANY = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Lo", "Ll", "Nd", "Zs", "So", "Cc"])),
    st.text(st.sampled_from("ab'我死0129 \n\ud800\udfff\x00\x02\x03😀")),
)


@given(_ANY, st.booleans())
@example("", True)
@example("", False)
@example("\ud800", True)
@example("\udfff\ud800a", False)
def test_any_string_has_features_in_range(plain: str, han: bool) -> None:
    index = features(plain, han=han)
    assert index.dtype == np.int64
    assert np.all((index >= 0) & (index < BUCKETS))


@given(_ANY, st.booleans())
def test_spans_hold_the_same_features(plain: str, han: bool) -> None:
    found = spans(plain, han=han)
    assert np.array_equal(found.index, features(plain, han=han))
    assert len(found.index) == len(found.start) == len(found.end)


@given(_ANY, st.booleans())
def test_spans_lie_within_the_message_and_its_edge_marks(plain: str, han: bool) -> None:
    found = spans(plain, han=han)
    assert np.all((found.start >= -1) & (found.start < found.end))
    assert np.all(found.end <= len(plain) + 1)


@given(st.text(st.sampled_from("我想死不活 a"), min_size=1))
def test_equal_words_have_equal_features_wherever_they_stand(word: str) -> None:
    inside = set(features(f"今天{word}明天", han=True).tolist())
    characters = {
        int(i) for i, s, e in zip(*_columns(word), strict=True) if s >= 0 and e <= len(word)
    }
    assert characters <= inside


def _columns(word: str) -> tuple[list[int], list[int], list[int]]:
    found = spans(word, han=True)
    return found.index.tolist(), found.start.tolist(), found.end.tolist()


@pytest.mark.parametrize("han", [True, False])
def test_digits_are_all_alike(han: bool) -> None:
    assert np.array_equal(features("我 a1b 22", han=han), features("我 a9b 47", han=han))


@pytest.mark.parametrize(
    ("plain", "han", "expected"),
    [
        (
            "我想死",
            True,
            [
                195105,
                242489,
                129679,
                201340,
                161586,
                137522,
                141002,
                150292,
                17373,
                192045,
                188158,
                35023,
                130790,
                206041,
                9896,
                120626,
                109413,
                120478,
                113021,
            ],
        ),
        (
            "i am ok",
            False,
            [
                93,
                121704,
                221892,
                70404,
                56455,
                53832,
                217542,
                217057,
                38089,
                48503,
                40548,
                99609,
                160942,
                77451,
                69731,
                114279,
                127197,
                218945,
                64133,
                235045,
                4388,
                140286,
                143073,
                120631,
                19107,
            ],
        ),
    ],
)
def test_the_numbers_are_what_the_models_were_trained_on(
    plain: str, han: bool, expected: list[int]
) -> None:
    assert features(plain, han=han).tolist() == expected


def test_named_features_are_fixed_sorted_and_each_once() -> None:
    assert named_features(["rule:a", "level:high", "rule:a"]).tolist() == [206795, 236458]
    assert named_features([]).dtype == np.int64
    assert named_features([]).tolist() == []
