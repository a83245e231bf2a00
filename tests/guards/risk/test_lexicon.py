from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.errors import DocumentError
from qiaoban_guards.risk import (
    Category,
    Lexicon,
    Risk,
    RiskClassifier,
    RiskLevel,
    Role,
    When,
    Who,
)
from qiaoban_guards.text import normalise, split_sentences

_FOLDER = files("qiaoban_guards") / "risk" / "lexicon"
_GAPS = st.text("\u200b\u200c\u2060\ufeff \u3000", max_size=2)


def assess(message: str, *open_: Category) -> Risk:
    """What the shipped rules alone find."""
    return Risk.of(RiskClassifier.shipped().clues(normalise(message), open_))


def kinds(message: str) -> set[tuple[Category, Who, When]]:
    return {(f.category, f.who, f.when) for f in assess(message).findings}


@pytest.mark.parametrize(
    "message",
    [
        "笑死我了",
        "妈妈打我电话",
        "想死你了",
        "爸爸陪我打球",
        "累死了",
        "今天吃了火锅",
        "",
        "，。",
        "hello",
    ],
)
def test_a_child_just_talking_has_no_risk(message: str) -> None:
    assert assess(message) == Risk()


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("妈妈打我", Category.ABUSE),
        ("我不想活了", Category.SELF_HARM),
        ("I don't want to be alive anymore", Category.SELF_HARM),
        ("i dont want to be alive anymore", Category.SELF_HARM),
    ],
)
def test_a_disclosure_is_high(message: str, category: Category) -> None:
    risk = assess(message)
    assert risk.level is RiskLevel.HIGH
    assert category in risk.categories


@pytest.mark.parametrize(
    "message",
    [
        "我想自杀",
        "我想自\u200b杀",
        "我 想 自 杀",
        "我\u3000想\u3000自\u3000杀",
        "我想自殺",
        "我想自\u2060\u200d 殺",
        "我想自\u0336杀\u0336",
    ],
)
@pytest.mark.parametrize("around", ["{}", "老师，{}。", "😀{}！！", "ﬁ…{} ok"])
def test_variants_are_met_with_the_exact_span(message: str, around: str) -> None:
    typed = around.format(message)
    risk = assess(typed)
    assert risk.level is RiskLevel.HIGH
    assert message in {finding.span for finding in risk.findings}
    for finding in risk.findings:
        assert typed[finding.start : finding.end] == finding.span


@given(st.lists(_GAPS, min_size=3, max_size=3))
def test_gaps_anywhere_in_a_disclosure_change_nothing(gaps: list[str]) -> None:
    typed = "我" + gaps[0] + "想" + gaps[1] + "自" + gaps[2] + "杀"
    assert assess(typed).level is RiskLevel.HIGH
    assert typed in {finding.span for finding in assess(typed).findings}


def test_full_width_letters_are_met_with_the_exact_span() -> None:
    risk = assess("Ｉ ｗａｎｔ ｔｏ ｄｉｅ")
    assert risk.level is RiskLevel.HIGH
    assert risk.findings[0].span.endswith("ｗａｎｔ ｔｏ ｄｉｅ")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_category_has_its_rules(language: str) -> None:
    lexicon = Lexicon.load(_FOLDER / language)
    assert {rule.category for rule in lexicon.rules} == set(Category)
    ids = [rule.id for rule in lexicon.rules]
    assert len(set(ids)) == len(ids)
    for rule in lexicon.rules:
        assert rule.level is not RiskLevel.NONE or rule.open_level is not None
        assert rule.needed or not rule.needs  # compiles them, too
        assert rule.spoiler or not rule.unless


@pytest.mark.parametrize(
    "language",
    [
        "zh",
        "en",
    ],
)
def test_the_id_of_every_rule_begins_with_its_category(language: str) -> None:
    lexicon = Lexicon.load(_FOLDER / language)
    wrong = [rule.id for rule in lexicon.rules if not rule.id.startswith(f"{rule.category}.")]
    assert wrong == []


@pytest.mark.parametrize(
    "message",
    ["我没有想自杀", "我不会离家出走的", "I'm not going to kill myself", "i never cut myself"],
)
def test_what_is_negated_is_no_risk(message: str) -> None:
    assert assess(message) == Risk()


@pytest.mark.parametrize(
    "message",
    [
        "小说里的主角想自杀",
        "昨晚做噩梦梦见爸爸打我",
        "in the movie the boy wants to kill himself",
        "my minecraft character wants to die",
    ],
)
def test_a_story_is_no_risk(message: str) -> None:
    assert assess(message) == Risk()


@pytest.mark.parametrize("message", ["看完电影，其实我也想自杀", "昨天看了一部电影。我真的想自杀"])
def test_a_story_does_not_hide_the_childs_own_wish(message: str) -> None:
    assert assess(message).level is RiskLevel.HIGH


def test_the_childs_own_wish_before_the_story_counts() -> None:
    assert assess("我也想像小说里的主角一样去死").level is RiskLevel.HIGH


@pytest.mark.parametrize(
    "message",
    ["小时候爸爸用皮带抽我", "去年我爸天天打我", "last year my dad beat me with a belt"],
)
def test_what_is_past_is_marked_and_weighs_one_level_less(message: str) -> None:
    risk = assess(message)
    assert {finding.when for finding in risk.findings} == {When.PAST}
    assert risk.level is RiskLevel.MODERATE


@pytest.mark.parametrize(
    "message",
    [
        "我同学说他不想活了",
        "我最好的朋友在割手腕",
        "my friend wants to kill herself",
        "my best friend said she wants to die",
    ],
)
def test_somebody_elses_danger_is_as_high_and_not_the_childs(message: str) -> None:
    risk = assess(message)
    assert risk.level is RiskLevel.HIGH
    assert {finding.who for finding in risk.findings} == {Who.OTHER}
    assert {finding.role for finding in risk.findings} == {Role.WITNESS}


@pytest.mark.parametrize("message", ["妈妈打我", "我跟同学说我不想活了"])
def test_the_childs_own_danger_stays_the_childs(message: str) -> None:
    assert Who.SELF in {who for _, who, _ in kinds(message)}


def test_both_languages_are_read_in_one_message() -> None:
    categories = assess("妈妈打我 and i want to die").categories
    assert {Category.ABUSE, Category.SELF_HARM} <= set(categories)


@settings(deadline=None)
@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(
            st.sampled_from("我你他妈爸不没想死活打杀了自小说以前的，。！ \n\u200biwantodekmysl'"),
            max_size=80,
        ),
    )
)
def test_assess_never_raises_and_its_spans_are_exact(message: str) -> None:
    risk = assess(message)
    assert risk.level == max((f.level for f in risk.findings), default=RiskLevel.NONE)
    for finding in risk.findings:
        assert 0 <= finding.start < finding.end <= len(message)
        assert message[finding.start : finding.end] == finding.span


def seconds(message: str, length: int) -> float:
    text = normalise((message * length)[:length])
    times: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        RiskClassifier.shipped().clues(text)
        times.append(time.perf_counter() - started)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize(
    "message",
    ["今天和同学一起打球，很开心。", "妈妈", "我没想自杀。", "i'm not sad. ", "dad "],
)
def test_time_grows_linearly(message: str) -> None:
    assert seconds(message, 20_000) <= 10 * seconds(message, 5_000)


@pytest.mark.slow
def test_time_grows_linearly_without_sentence_ends() -> None:
    assert seconds("想死", 4_000) <= 10 * seconds("想死", 1_000)


def test_an_ellipsis_ends_a_sentence_of_the_plain_form() -> None:
    plain = normalise("我在看小说……爸爸打弟弟").plain
    assert len(list(split_sentences(plain))) == 2


# A lexicon of one's own: what the parts of a rule do.

_FRAMES = """\
negated: {any: ['没有$']}
fiction: {any: [小说], except: ['小说.{0,9}我也']}
past: {any: [以前]}
third_person: {any: [同学|他]}
first_person: {any: [我]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "_shared.yaml").write_text("macros: {kin: 爸爸|妈妈}\n", encoding="utf-8")
    (tmp_path / "_frames.yaml").write_text(_FRAMES, encoding="utf-8")
    (tmp_path / "_calm.yaml").write_text("any: [没事]\n", encoding="utf-8")
    return tmp_path


def own(folder: Path, rules: str, category: str = "abuse") -> Lexicon:
    (folder / f"{category}.yaml").write_text(
        f"category: {category}\nrules:\n{rules}", encoding="utf-8"
    )
    return Lexicon.load(folder)


def told(
    lexicon: Lexicon, message: str, open_: tuple[Category, ...] = ()
) -> list[tuple[str, str, str, str]]:
    findings = lexicon.findings(normalise(message), open_)
    return [(f.source, f.level.label, f.who, f.when) for f in findings]


def test_frames_change_what_a_hit_means(folder: Path) -> None:
    lexicon = own(folder, "  - {id: abuse.hit, level: high, any: ['打']}\n")
    assert told(lexicon, "爸爸打") == [("abuse.hit", "high", "self", "now")]
    assert told(lexicon, "爸爸没有打") == []
    assert told(lexicon, "小说里打") == []
    assert told(lexicon, "小说里打，我也打") == [("abuse.hit", "high", "self", "now")]
    assert told(lexicon, "以前打") == [("abuse.hit", "moderate", "self", "past")]
    assert told(lexicon, "同学打") == [("abuse.hit", "high", "other", "now")]
    assert told(lexicon, "同学看见我打") == [("abuse.hit", "high", "self", "now")]
    assert told(lexicon, "以前他打") == [("abuse.hit", "moderate", "other", "past")]


def test_frames_act_within_one_sentence(folder: Path) -> None:
    lexicon = own(folder, "  - {id: abuse.hit, level: high, any: ['打']}\n")
    assert told(lexicon, "我看小说。同学没有。以前。打") == [("abuse.hit", "high", "self", "now")]


def test_a_rule_may_shut_frames_off(folder: Path) -> None:
    lexicon = own(folder, "  - {id: abuse.hit, level: high, any: ['打'], frames: [negated]}\n")
    assert told(lexicon, "小说里以前同学打") == [("abuse.hit", "high", "self", "now")]
    assert told(lexicon, "没有打") == []


def test_past_never_lowers_to_none(folder: Path) -> None:
    lexicon = own(folder, "  - {id: abuse.hit, level: low, any: ['打']}\n")
    assert told(lexicon, "以前打") == [("abuse.hit", "low", "self", "past")]


def test_a_rule_may_weigh_more_while_its_category_is_open(folder: Path) -> None:
    lexicon = own(
        folder,
        "  - {id: abuse.door, level: none, open_level: imminent, any: [敲门]}\n"
        "  - {id: abuse.hit, level: high, open_level: low, any: [打]}\n",
    )
    assert told(lexicon, "他敲门") == []
    assert told(lexicon, "我听见敲门", (Category.BULLYING,)) == []
    assert told(lexicon, "我听见敲门", (Category.ABUSE,)) == [
        ("abuse.door", "imminent", "self", "now")
    ]
    assert told(lexicon, "打", (Category.ABUSE,)) == [("abuse.hit", "high", "self", "now")]


@pytest.mark.parametrize("message", ["我在楼顶", "药都准备好了", "i'm on the roof"])
def test_what_is_harmless_alone_is_grave_after_a_wish_to_die(message: str) -> None:
    assert assess(message).level < RiskLevel.HIGH
    risk = assess(message, Category.SELF_HARM)
    assert risk.level is RiskLevel.IMMINENT


def test_needs_and_unless_look_at_the_sentence_of_the_hit(folder: Path) -> None:
    lexicon = own(
        folder, "  - {id: abuse.hit, level: high, any: ['打'], needs: [疼], unless: [玩]}\n"
    )
    assert told(lexicon, "打得疼")
    assert not told(lexicon, "打。疼")
    assert not told(lexicon, "打得疼，是玩的")
    assert told(lexicon, "玩。打得疼")


def test_a_hit_that_does_not_count_does_not_hide_the_next(folder: Path) -> None:
    lexicon = own(folder, "  - {id: abuse.hit, level: high, any: ['打']}\n")
    assert told(lexicon, "没有打。打") == [("abuse.hit", "high", "self", "now")]


def test_a_rule_is_told_once(folder: Path) -> None:
    lexicon = own(folder, "  - {id: abuse.hit, level: high, any: ['{kin}打', 打我]}\n")
    assert len(told(lexicon, "爸爸打我，妈妈打我")) == 1


def test_a_rule_id_that_stands_twice_is_refused(folder: Path) -> None:
    own(folder, "  - {id: a.b, level: high, any: [打]}\n")
    with pytest.raises(DocumentError, match=r"stand twice: \['a\.b'\]"):
        own(folder, "  - {id: a.b, level: low, any: [骂]}\n", "bullying")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{id: a, level: hihg, any: [打]}", "levels are none, low"),
        ("{id: a, level: high, any: ['打(']}", "'打('"),
        ("{id: a, level: high, any: ['{kim}打']}", "did you mean {kin}?"),
        ("{id: a, level: high, any: [打], unles: [玩]}", "did you mean 'unless'?"),
        ("{id: a, level: high, any: [打], frames: [negatd]}", "negated"),
        ("{id: a, level: high}", "'any' is missing"),
        ("{id: a, any: [打]}", "'level' is missing"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(folder: Path, rule: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        own(folder, f"  - {{id: ok, level: low, any: [好]}}\n  - {rule}\n")
    assert problem in str(caught.value)
    assert caught.value.line == 4


@pytest.mark.parametrize("key", ["needs", "unless"])
def test_needs_and_unless_that_do_not_compile_are_refused(folder: Path, key: str) -> None:
    with pytest.raises(DocumentError):
        own(folder, f"  - {{id: a, level: high, any: [打], {key}: ['玩(']}}\n")
