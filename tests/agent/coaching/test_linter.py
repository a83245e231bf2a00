"""The content linter: what is spoilt is named, and what is shipped is sound."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from qiaoban_agent import load_policy
from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Lexicon
from qiaoban_agent.coaching.linter import QUESTIONS, STAGE_ACTS, Problem, check, coverage, sample
from qiaoban_agent.coaching.memory import AGE_BANDS, AgeBand
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy.schema import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")
LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.load(path.read_text("utf-8"), Loader=LOADER))


def write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(value, allow_unicode=True, width=1000), "utf-8")


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> dict[Language, Path]:
    """The shipped content, of each place but one line and none about a topic: still complete."""
    folders: dict[Language, Path] = {}
    for language in LANGUAGES:
        folder = tmp_path_factory.mktemp("content") / language
        with as_file(files("qiaoban_agent") / "content" / language) as shipped:
            shutil.copytree(Path(shipped), folder)
        for path in folder.glob("*.yaml"):
            content = read(path)
            if "lines" in content:
                groups = [g for g in content["lines"] if not g["when"].get("topic")]
                content["lines"] = [group | {"say": group["say"][:1]} for group in groups]
                write(path, content)
        folders[language] = folder
    return folders


@pytest.fixture(scope="module")
def before(general: dict[Language, Path]) -> dict[Language, list[Problem]]:
    """What is found there before a line is spoilt."""
    return {language: found(folder, language) for language, folder in general.items()}


@pytest.fixture
def copied(general: dict[Language, Path], tmp_path: Path) -> dict[Language, Path]:
    """A copy of it to spoil."""
    return {
        language: Path(shutil.copytree(folder, tmp_path / language))
        for language, folder in general.items()
    }


def spoil(folder: Path, act: Act, text: str, **when: str) -> None:
    """Put one more line into the file of an act."""
    path = folder / f"{act.value}.yaml"
    content = read(path)
    content["lines"].append({"when": when, "say": [text]})
    write(path, content)


def found(folder: Path, language: Language) -> list[Problem]:
    return check(folder, language, load_policy("default"))


SPOILT: list[tuple[Language, Act, str, dict[str, str], str]] = [
    ("zh", Act.ACCEPT, "这样想很正常，" * 8 + "慢慢来。", {}, "characters, at most 34"),
    ("en", Act.ACCEPT, "It makes sense to feel this way. " * 5, {}, "characters, at most 125"),
    ("zh", Act.ASK_MORE, "那时候你在哪里？后来怎么样了？", {}, "2 questions"),
    ("en", Act.ASK_MORE, "Where was that? And what came next?", {}, "2 questions"),
    ("zh", Act.ASK_MORE, "我想再听你讲一点。", {}, "0 questions"),
    ("zh", Act.UNDERSTAND, "这事你记了很久吧？", {}, "asks, but is a statement"),
    ("en", Act.UNDERSTAND, "That stayed with you, right?", {}, "asks, but is a statement"),
    ("zh", Act.ACCEPT, "遇到这样的事，心里乱很自然。", {"topic": "dragons"}, "no topic is called"),
    ("en", Act.ACCEPT, "A muddle inside is natural.", {"topic": "dragons"}, "no topic is called"),
    ("zh", Act.ACCEPT, "这有什么好哭的，别哭了。", {}, "reads as dismiss"),
    ("en", Act.ACCEPT, "Stop crying, it's not a big deal.", {}, "reads as dismiss"),
    ("zh", Act.ACCEPT, "我保证，一切都会好起来的。", {}, "reads as promise"),
    ("en", Act.ACCEPT, "I promise everything will be fine.", {}, "reads as promise"),
    ("zh", Act.ACCEPT, "妈妈永远爱你，宝贝。", {}, "reads as relation_claim"),
    ("zh", Act.ACCEPT, "你应该去跟老师道歉。", {}, "reads as advice"),
    (
        "zh",
        Act.ACCEPT,
        "这个时候心里觉得又乱又堵又不好受很自然。",
        {"age": "5-8"},
        "characters at a stretch",
    ),
    ("en", Act.ACCEPT, "That is unimaginably hard.", {"age": "5-8"}, "hard words for 5-8"),
]


@pytest.mark.parametrize(("language", "act", "text", "when", "problem"), SPOILT)
def test_a_spoilt_line_is_named_with_what_is_wrong_and_nothing_else_is(  # noqa: PLR0917
    before: dict[Language, list[Problem]],
    copied: dict[Language, Path],
    language: Language,
    act: Act,
    text: str,
    when: dict[str, str],
    problem: str,
) -> None:
    spoil(copied[language], act, text, **when)
    new = [p for p in found(copied[language], language) if p not in before[language]]
    assert {(p.act, p.text) for p in new} == {(act, text)}
    assert any(problem in p.problem for p in new), new


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_that_stands_twice_is_named_at_both_places(
    copied: dict[Language, Path], language: Language
) -> None:
    first = Content(copied[language]).lines(Act.ACCEPT)[0].text
    spoil(copied[language], Act.CLOSE, first)
    twice = [p for p in found(copied[language], language) if p.problem == "stands twice"]
    assert {(p.act, p.text) for p in twice} == {(Act.ACCEPT, first), (Act.CLOSE, first)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_place_with_nothing_to_say_is_named(
    copied: dict[Language, Path], language: Language
) -> None:
    path = copied[language] / "notice.yaml"
    line = {"when": {"emotion": ["sadness"], "age": ["9-12"]}, "say": ["…"]}
    write(path, {"act": "notice", "lines": [line]})
    gaps = [p.problem for p in found(copied[language], language) if p.problem.startswith("no line")]
    assert "no line for sadness, notice, 5-8" in gaps
    assert "no line for anger, notice, 9-12" in gaps
    assert "no line for sadness, notice, 9-12" not in gaps


@pytest.mark.parametrize(
    ("text", "when"),
    [("{teacher}的事。", {}), ("{thing的事。", {}), ("心里乱。", {"emotion": "sulk"})],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_name(
    copied: dict[Language, Path], text: str, when: dict[str, str]
) -> None:
    spoil(copied["zh"], Act.ACCEPT, text, **when)
    with pytest.raises(DocumentError, match=r"accept\.yaml"):
        found(copied["zh"], "zh")


def test_a_missing_file_is_refused(copied: dict[Language, Path]) -> None:
    (copied["zh"] / "soothe.yaml").unlink()
    with pytest.raises(DocumentError, match="soothe"):
        found(copied["zh"], "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_content_has_no_problems(language: Language) -> None:
    folder = files("qiaoban_agent") / "content" / language
    assert check(folder, language, load_policy("default")) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sample_has_no_slot_left(language: Language) -> None:
    for act in Act:
        for line in Content.shipped(language).lines(act):
            assert "{" not in sample(line, language)


def test_every_act_that_coaches_by_asking_is_held_to_ask() -> None:
    assert {Act.EXPLORE, Act.ASK_FIT, Act.ASK_MORE} <= QUESTIONS
    assert QUESTIONS.isdisjoint({Act.NOTICE, Act.ACCEPT, Act.SUGGEST, Act.LIMIT})


@pytest.mark.parametrize("language", LANGUAGES)
def test_coverage_counts_only_lines_that_are_for_the_topic(
    general: dict[Language, Path], language: Language
) -> None:
    """Looked at for the first topic of the list, for the list is long."""
    first = min(topic.topic for topic in Lexicon.shipped(language).topics)

    def of_first(content: Content) -> list[tuple[str, Emotion, Stage, AgeBand, int]]:
        return list(takewhile(lambda place: place[0] == first, coverage(content, language)))

    assert all(count == 0 for *_, count in of_first(Content(general[language])))
    shipped = of_first(Content.shipped(language))
    assert {stage for _, _, stage, _, _ in shipped} == set(STAGE_ACTS)
    assert len(shipped) == len({place[:4] for place in shipped})
    assert sum(count for *_, count in shipped) > 0
    savoured = {emotion for _, emotion, stage, _, _ in shipped if stage is Stage.SAVOUR}
    assert savoured == {emotion for emotion in Emotion if emotion.valence == "positive"}
    assert {age for _, _, _, age, _ in shipped} == set(AGE_BANDS)
