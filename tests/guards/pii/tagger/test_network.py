from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading
from qiaoban_guards.pii.tagger.network import Network, shipped_network
from qiaoban_guards.pii.tagger.tokens import BUCKETS, features_of, tokens_of
from qiaoban_guards.text import normalise
from tests.guards.pii.messages import MESSAGES

LABELS = ("O", "B-name", "I-name")


def small(seed: int) -> Network:
    """A network of chance, with two convolutions."""
    chance = np.random.default_rng(seed)
    follows = chance.normal(size=(3, 3))
    follows[0, 2] = -1e4
    return Network(
        {
            "embedding": chance.integers(-99, 99, (BUCKETS, 4), dtype=np.int8),
            "scale": np.full(4, 0.02, np.float32),
            "gaps": np.asarray([1, 2]),
            "weight0": chance.normal(size=(12, 5)),
            "bias0": chance.normal(size=5),
            "weight1": chance.normal(size=(15, 5)),
            "bias1": chance.normal(size=5),
            "out": chance.normal(size=(5, 3)),
            "out_bias": chance.normal(size=3),
            "follows": follows,
            "labels": np.asarray(LABELS),
        }
    )


@settings(deadline=None)
@given(st.text("张一诺又把我书扔了ab ", min_size=1, max_size=6), st.integers(0, 9))
def test_the_best_labels_are_the_best_of_all_there_are(text: str, seed: int) -> None:
    net, reading = small(seed), Reading(normalise(text))
    tokens = tokens_of(reading)
    if not tokens:
        return
    scores = net.scores(features_of(reading, tokens, ()))
    follows = net.follows

    def worth(path: tuple[int, ...]) -> float:
        steps = sum(follows[a, b] for a, b in pairwise(path))
        return float(steps + sum(scores[place, label] for place, label in enumerate(path)))

    best = max(map(worth, product(range(3), repeat=len(tokens))))
    assert worth(tuple(net.best(scores, np.inf))) == pytest.approx(best, rel=1e-4, abs=1e-3)


@settings(deadline=None)
@given(MESSAGES)
def test_passing_over_what_is_certain_changes_no_label(message: str) -> None:
    net, reading = shipped_network(), Reading(normalise(message))
    if tokens := tokens_of(reading):
        scores = net.scores(features_of(reading, tokens, ()))
        assert net.best(scores) == net.best(scores, np.inf)


@settings(deadline=None)
@given(MESSAGES)
def test_what_is_tagged_lies_in_the_message_and_is_sure_to_some_degree(message: str) -> None:
    reading = Reading(normalise(message))
    for one in shipped_network().tag(reading, ()):
        assert 0 <= one.start < one.end <= len(reading.plain)
        assert 0 < one.score <= 1


def test_a_label_goes_on_only_behind_its_own() -> None:
    labels = shipped_network().labels
    follows = shipped_network().follows
    for first, second in product(range(len(labels)), repeat=2):
        if labels[second].startswith("I-") and labels[first][2:] != labels[second][2:]:
            assert follows[first, second] < -1e3


@pytest.mark.parametrize(
    ("message", "kind", "value"),
    [
        ("体育课的时候欧阳思琪和她吵起来了", Kind.NAME, "欧阳思琪"),
        ("放学先去翠湖名苑6栋302写作业", Kind.ADDRESS, "翠湖名苑6栋302"),
        ("我们红星小学明天运动会", Kind.SCHOOL, "红星小学"),
        ("then liam threw my bag in the mud", Kind.NAME, "liam"),
    ],
)
def test_what_no_word_introduces_is_found(message: str, kind: Kind, value: str) -> None:
    found = [(one.kind, message[one.start : one.end]) for one in finder_of().find(message)]
    assert (kind, value) in found


@pytest.mark.parametrize(
    "message",
    [
        "万一明天下雨怎么办",
        "鲁迅先生写的故乡要背吗",
        "小明有五个苹果给了小红两个",
        "will you mark my essay",
        "hermione is my favourite",
    ],
)
def test_words_that_look_like_names_are_none(message: str) -> None:
    assert not finder_of(frozenset({Kind.NAME})).find(message)
