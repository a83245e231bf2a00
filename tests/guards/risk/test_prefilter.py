from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from qiaoban_guards.risk.classifier import read_compiled
from qiaoban_guards.risk.prefilter import FinePrefilter, Prefilter
from qiaoban_guards.risk.rules import Rules
from qiaoban_guards.text import normalise

_CORPUS = Path(__file__).parents[3] / "guards" / "corpus"
_LANGUAGES = ("zh", "en")


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Rules]:
    rules = read_compiled(files("qiaoban_guards") / "risk" / "model" / "rules.json.gz")
    return {str(language): of for language, of in rules.items()}


@lru_cache(maxsize=2)
def prefilter(language: str) -> Prefilter:
    rules = shipped()[language]
    return Prefilter(rules.grams, rules.always)


@lru_cache(maxsize=1)
def corpus() -> Sequence[str]:
    texts: set[str] = set()
    for source in sorted(_CORPUS.rglob("*.jsonl")):
        with source.open(encoding="utf-8") as lines:
            texts |= {str(json.loads(line).get("text", "")) for line in lines}
    return sorted(texts - {""})


def missed(plain: str, language: str) -> list[str]:
    """The rules that hit and were not offered."""
    offered = set(prefilter(language).candidates(plain))
    rules = shipped()[language].rules
    return [
        rule.id
        for number, rule in enumerate(rules)
        if number not in offered and rule.pattern.first(plain) is not None
    ]


@pytest.mark.slow
@pytest.mark.parametrize("language", _LANGUAGES)
def test_no_rule_that_hits_in_the_corpus_is_missed(language: str) -> None:
    texts = corpus()
    for text in Random(11).sample(texts, min(600, len(texts))):
        assert missed(normalise(text).plain, language) == [], text


@pytest.mark.slow
@pytest.mark.parametrize("language", _LANGUAGES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_rule_that_hits_in_its_own_grams_is_missed(language: str, data: st.DataObject) -> None:
    gram = st.sampled_from(sorted(shipped()[language].grams))
    filler = st.sampled_from(["", " ", "我", "了", "，", "自己", "妈妈", "i ", " to ", "n't ", "4"])
    parts = data.draw(st.lists(st.tuples(gram, filler), min_size=1, max_size=5))
    plain = normalise("".join(gram + filler for gram, filler in parts)).plain
    assert missed(plain, language) == []


@pytest.mark.slow
@pytest.mark.parametrize("language", _LANGUAGES)
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_an_expression_generates_brings_its_rule(language: str, data: st.DataObject) -> None:
    rules = shipped()[language].rules
    number = data.draw(st.integers(0, len(rules) - 1))
    expression = data.draw(st.sampled_from(rules[number].any))
    plain = data.draw(st.from_regex(re.compile(expression, re.ASCII)))
    assume(re.search(expression, plain, re.ASCII))
    assert number in prefilter(language).candidates(plain), (rules[number].id, plain)


@pytest.mark.parametrize("language", _LANGUAGES)
def test_most_rules_are_spared_an_ordinary_message(language: str) -> None:
    ordinary = {"zh": "今天天气很好，我们去公园吃了饭", "en": "we had lunch in the park today"}
    rules = shipped()[language].rules
    assert len(prefilter(language).candidates(ordinary[language])) < len(rules) / 4


@pytest.mark.parametrize(
    ("expression", "hits"),
    [
        ("想死", ["我想死了"]),
        ("死", ["死", "要死了"]),
        ("想(?:要)?死", ["想死", "想要死"]),
        ("想要?死?", ["想", "想要", "想死", "想要死"]),
        ("a?b?c", ["c", "bc", "abc"]),
        ("[打骂]我", ["打我", "骂我"]),
        ("[^打]我们", ["骂我们"]),
        (r"\d{3}元", ["123元"]),
        (r"[a-c]hit[0-9]", ["bhit3"]),
        (r"[a-z]hit", ["zhit"]),
        ("爸|妈妈|(?:爷|奶)奶", ["爸", "妈妈", "爷奶", "奶奶"]),
        ("(?:打|)我", ["我", "打我"]),
        ("(?:我(?:爸|妈)|他)(?:打|揍|)", ["我爸", "他打", "我妈揍"]),
        ("(?<!不)想死", ["我想死"]),
        ("(?<=我)想(?=死)", ["我想死"]),
        ("想(?!你)死", ["想死"]),
        (r"\bkill\b", ["kill", "to kill me"]),
        (r"\bdie\b", ["die", "要die了"]),
        (r"\bi (?:want|need|have) to (?:die|go)\b", ["i want to die", "i have to go"]),
        ("哈{2,4}", ["哈哈", "哈哈哈哈"]),
        ("(?:打我){0,2}了", ["了", "打我了", "打我打我了"]),
        ("(?:打我)+", ["打我", "打我打我"]),
        ("打.{0,5}我", ["打我", "打了一下我"]),
        ("打[^。]*?我", ["打我", "打了我"]),
        ("(我)死(?:了|亡)", ["我死了", "我死亡"]),
        ("想a", ["想a"]),
        ("^想死$", ["想死"]),
        (r"(ab)\1", ["abab"]),
        ("(?:(?:我|你)(?:想|要)){2}死", ["我想你要死"]),
    ],
)
def test_every_hit_of_a_small_expression_is_offered(expression: str, hits: list[str]) -> None:
    built = Prefilter.build([(["quite another"], []), ([expression], [])])
    fine = FinePrefilter([["quite another"], [expression]])
    for hit in hits:
        assert re.search(expression, hit, re.ASCII)
        assert 1 in built.candidates(hit)
        assert 1 in fine.candidates(hit)


@pytest.mark.parametrize(
    ("expressions", "hit", "others"),
    [
        (["我(?:想|要)死", "你滚"], "你滚开", ["你想我", "你好", "滚"]),
        (["(?:我爱你|亲你)"], "亲你", ["我也想你"]),
        ([r"\d{4}|[a-z]+号"], "a号", ["我的号", "好"]),
        (["我.{0,5}(?=回家|上学)"], "我要上学", ["我要吃饭"]),
        (["我.{0,5}(?=$|上学)"], "我要上学", []),
        (["cat", "dog"], "a dog", ["a cow", "do g"]),
    ],
)
def test_each_alternative_is_looked_for_by_itself(
    expressions: list[str], hit: str, others: list[str]
) -> None:
    fine = FinePrefilter([["quite another"], expressions])
    assert fine.candidates(hit) == [1]
    for other in others:
        assert fine.candidates(other) == [], other


def test_a_rule_of_which_nothing_is_known_may_always_fire() -> None:
    assert FinePrefilter([[], ["死"], [""], ["死|.*"]]).candidates("") == [0, 2, 3]


@given(st.text("我想死i to.1", max_size=12))
def test_a_text_is_cut_into_all_its_grams(plain: str) -> None:
    grams = ("我", "想死", "i to", "to", "1")
    built = Prefilter({gram: (number,) for number, gram in enumerate(grams)})
    assert built.candidates(plain) == [n for n, gram in enumerate(grams) if gram in plain]


_ATOMS = st.sampled_from(["a", "b", "ab", "kill", "我", "死", "想死", "[ab]", "[我你]", ".", r"\b"])


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map("".join),
        pairs.map("(?:{0[0]}|{0[1]})".format),
        inner.map("(?:{})?".format),
        inner.map("(?:{}){{1,2}}".format),
        pairs.map("{0[0]}(?!{0[1]})".format),
        pairs.map("{0[0]}(?={0[1]})".format),
    )


@settings(max_examples=400, deadline=None)
@given(
    st.recursive(_ATOMS, _joined, max_leaves=8),
    st.text("ab我你死想kil", max_size=12),
    st.dictionaries(st.text("ab我死想", min_size=1, max_size=2), st.integers(0, 9), max_size=5),
)
def test_a_hit_is_never_without_its_candidate(
    expression: str, plain: str, frequency: dict[str, int]
) -> None:
    built = Prefilter.build([([expression], [])], frequency)
    match = re.search(expression, plain, re.ASCII)
    if match is not None and match[0]:  # an empty match is no hit
        assert built.candidates(plain) == [0]


def test_any_one_expression_of_a_rule_brings_it() -> None:
    built = Prefilter.build([(["想死", "kill me"], []), (["打我"], [])])
    assert built.candidates("我想死") == built.candidates("just kill me") == [0]
    assert built.candidates("他打我，我想死") == [0, 1]
    assert built.candidates("你好") == built.candidates("") == []


def test_a_rule_of_which_nothing_can_be_told_is_always_tried() -> None:
    built = Prefilter.build([(["想死", r".?\d*"], []), (["打我"], [])])
    assert built.always == (0,)
    assert built.candidates("") == [0]


def test_rarer_grams_are_preferred() -> None:
    built = Prefilter.build(
        [(["我们想跳楼"], [])], {"我们": 900, "们想": 50, "想跳": 40, "跳楼": 1}
    )
    assert set(built.index) == {"跳楼"}
