"""The examples of the risk taxonomy are whole; how the guard reads them is measured elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.taxonomy import Role, When, Who

PAGE = (Path(__file__).parents[2] / "docs" / "risk-taxonomy.md").read_text(encoding="utf-8")
HEADER = ["", "level", "who", "role", "when", "the child says", "note"]
NOTHING = "–"


@dataclass(frozen=True)
class Example:
    kind: str
    level: str
    who: str
    role: str
    when: str
    text: str
    note: str

    @property
    def chinese(self) -> bool:
        return re.search(r"[\u4e00-\u9fff]", self.text) is not None

    def check_placed(self) -> None:
        """ValueError where one of the three is no word of a finding."""
        Who(self.who)
        Role(self.role)
        When(self.when)


def section(category: Category) -> str:
    after = PAGE.partition(f"\n### `{category}`\n")[2]
    return re.split(r"^##", after, maxsplit=1, flags=re.MULTILINE)[0].strip()


def examples(category: Category) -> list[Example]:
    lines = [line for line in section(category).splitlines() if line.startswith("|")]
    header, rule, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in lines)
    assert header == HEADER
    assert set("".join(rule)) == {"-"}
    return [Example(*row) for row in rows]


def included(category: Category) -> list[Example]:
    return [example for example in examples(category) if example.kind.startswith("in")]


def excluded(category: Category) -> list[Example]:
    return [example for example in examples(category) if example.kind == "out"]


def test_every_category_has_its_section_in_order() -> None:
    headings = re.findall(r"^### `(\w+)`$", PAGE, flags=re.MULTILINE)
    assert headings == [str(category) for category in Category]


def test_the_levels_stand_there_in_order() -> None:
    levels = PAGE.partition("## Levels")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \|", levels, flags=re.MULTILINE)
    assert rows == ["level", *(level.label for level in RiskLevel)]


@pytest.mark.parametrize("words", [Who, Role, When], ids=lambda words: str(words.__name__))
def test_every_word_of_a_finding_is_told(words: type[Who] | type[Role] | type[When]) -> None:
    told = PAGE.partition("## Who, role, when")[2].partition("\n## ")[0]
    for word in words:
        assert re.search(rf"^\| {words.__name__.lower()} \| `{word}` \|", told, flags=re.MULTILINE)


@pytest.mark.parametrize("category", Category)
def test_a_section_begins_with_a_definition(category: Category) -> None:
    definition = section(category).partition("\n|")[0].strip()
    assert len(definition) >= 60
    assert definition.endswith(".")


@pytest.mark.parametrize("category", Category)
def test_there_are_enough_examples_in_both_languages(category: Category) -> None:
    assert {example.kind for example in examples(category)} == {"in", "in, subtle", "out"}
    for found in (included(category), excluded(category)):
        assert len(found) >= 3
        assert {example.chinese for example in found} == {True, False}


@pytest.mark.parametrize("category", Category)
def test_what_is_in_has_a_level_and_is_placed(category: Category) -> None:
    for example in included(category):
        assert RiskLevel.parse(example.level) > RiskLevel.NONE
        example.check_placed()


@pytest.mark.parametrize("category", Category)
def test_what_is_out_is_nothing_or_another_category(category: Category) -> None:
    for example in excluded(category):
        assert example.note
        placed = [example.who, example.role, example.when]
        if RiskLevel.parse(example.level) is RiskLevel.NONE:
            assert placed == [NOTHING] * 3
            continue
        other = re.match(r"`(\w+)`: ", example.note)
        assert other is not None
        assert Category(other[1]) is not category
        example.check_placed()


def test_no_sentence_stands_there_twice() -> None:
    texts = [example.text for category in Category for example in examples(category)]
    assert all(texts)
    assert len(texts) == len(set(texts))


def test_every_level_is_shown() -> None:
    levels = {example.level for category in Category for example in examples(category)}
    assert levels == {level.label for level in RiskLevel}
