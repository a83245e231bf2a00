from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from qiaoban_guards.documents import Frozen, load, parse, read, validate
from qiaoban_guards.errors import DocumentError, QiaobanError
from qiaoban_guards.expressions import Expressions, load_expressions


class _Line(Frozen):
    id: str
    say: str
    times: int = Field(default=1, ge=1)


class _Book(Frozen):
    title: str
    lines: tuple[_Line, ...] = ()
    by_name: Mapping[str, _Line] = {}


def _refused(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        validate(parse(text, source="b.yaml"), _Book, origins=[("b.yaml", text)])
    return caught.value


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "NO", "y", "n", "True"])
def test_words_that_yaml_takes_for_booleans_stay_words(word: str) -> None:
    assert parse(f"a: {word}", source="x") == {"a": word}


def test_true_and_false_are_booleans() -> None:
    assert parse("[true, false]", source="x") == [True, False]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: 1\nb: 2\na: 3", 3, 1), ("top:\n  a: 1\n  a: 2", 3, 3), ("{a: 1, a: 2}", 1, 8)],
)
def test_a_key_that_stands_twice_is_named_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(DocumentError, match="'a' stands here twice") as caught:
        parse(text, source="x.yaml")
    assert (caught.value.source, caught.value.line, caught.value.column) == ("x.yaml", line, column)


@pytest.mark.parametrize(
    "text", ["a: [1", "a: 'x", "a:\n\t- b", "a: b: c", "&", "!!python/object:x {}"]
)
def test_broken_yaml_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(DocumentError, match="not valid YAML") as caught:
        parse(text, source="x.yaml")
    assert caught.value.line >= 1


def test_a_control_character_is_refused() -> None:
    with pytest.raises(DocumentError, match="not valid YAML"):
        parse("a: \x07", source="x.yaml")


def test_no_tag_makes_an_object() -> None:
    with pytest.raises(DocumentError):
        parse("!!python/object/apply:os.getcwd []", source="x.yaml")


@pytest.mark.parametrize(
    "text", ["{[1]: 2}", "? {a: b}\n: c", "look_again: 2027-13-01", "a: !!int x", "a: 0x_"]
)
def test_values_that_yaml_cannot_build_are_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        parse(text, source="x.yaml")


def test_an_error_text_tells_place_key_and_problem() -> None:
    error = DocumentError("is odd", source="a.yaml", line=3, column=5, key="x.y")
    assert str(error) == "a.yaml:3:5: x.y: is odd"
    assert isinstance(error, QiaobanError)


def test_an_error_without_a_place_tells_the_source() -> None:
    assert str(DocumentError("is odd", source="a.yaml")) == "a.yaml: is odd"


def test_a_wrong_key_names_the_nearest_right_one() -> None:
    error = _refused("title: A\nlinse: []\n")
    assert "'linse' is not a key here, did you mean 'lines'?" in str(error)
    assert (error.line, error.column, error.key) == (2, 1, "linse")


def test_a_key_like_no_other_brings_the_list_of_keys() -> None:
    assert "keys here are by_name, lines, title" in str(_refused("title: A\nzzz: 1\n"))


def test_a_wrong_key_in_a_list_is_found_where_it_stands() -> None:
    error = _refused("title: A\nlines:\n  - {id: a, say: x}\n  - {id: b, sey: y, say: z}\n")
    assert "did you mean 'say'?" in str(error)
    assert (error.line, error.column, error.key) == (4, 13, "lines.1.sey")


def test_a_wrong_key_under_a_free_name_is_found() -> None:
    error = _refused("title: A\nby_name:\n  who: {id: a, say: x, tims: 2}\n")
    assert "did you mean 'times'?" in str(error)
    assert (error.line, error.key) == (3, "by_name.who.tims")


def test_a_missing_key_points_at_what_lacks_it() -> None:
    error = _refused("title: A\nlines:\n  - {id: a, say: x}\n  - {id: b}\n")
    assert "the key 'say' is missing; add it" in str(error)
    assert error.line == 4


def test_further_problems_are_counted() -> None:
    assert "(and 2 more)" in str(_refused("lines: [{id: a}, {id: b}]\n"))


def test_a_bad_value_points_at_its_key() -> None:
    error = _refused("title: A\nlines:\n  - id: a\n    say: x\n    times: 0\n")
    assert (error.line, error.column, error.key) == (5, 5, "lines.0.times")


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "just words", "42"])
def test_a_document_that_is_no_mapping_is_refused(text: str) -> None:
    assert "b.yaml" in str(_refused(text))


def test_an_error_is_placed_in_the_document_that_has_the_key() -> None:
    own, parent = "title: A\n", "lines:\n  - {id: a, say: x, times: none}\n"
    data = {**parse(own, source="own"), **parse(parent, source="parent")}
    with pytest.raises(DocumentError) as caught:
        validate(data, _Book, origins=[("own", own), ("parent", parent)])
    assert (caught.value.source, caught.value.line) == ("parent", 2)


def test_a_file_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    for name, start in (("a.yaml", ""), ("b.yaml", "\ufeff")):
        (tmp_path / name).write_text(f"{start}title: 巧板\n", encoding="utf-8")
        assert load(tmp_path / name, _Book).title == "巧板"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read") as caught:
        read(tmp_path / "none.yaml")
    assert "none.yaml" in caught.value.source


def test_a_file_that_is_not_utf8_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes("title: 巧板".encode("gbk"))
    with pytest.raises(DocumentError, match="save it as a UTF-8 file"):
        load(tmp_path / "gbk.yaml", _Book)


def test_what_was_read_is_frozen() -> None:
    book = validate({"title": "A"}, _Book, origins=[])
    with pytest.raises(ValidationError, match="frozen"):
        book.title = "B"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_expressions_of_a_file_use_its_own_and_the_shared_macros(tmp_path: Path) -> None:
    class File(Frozen):
        macros: Mapping[str, str] = {}
        rule: Expressions

    source = tmp_path / "f.yaml"
    source.write_text(
        "macros: {kin: '{parent}|奶奶'}\nrule: {any: ['{kin}打我']}\n", encoding="utf-8"
    )
    rule = load_expressions(source, File, {"parent": "爸|妈"}).rule
    assert rule.pattern.first("妈打我")
    assert rule.pattern.first("奶奶打我")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{any: ['打(我']}", "打(我"),
        ("{any: ['{kln}']}", "did you mean {kin}?"),
        ("{any: []}", "at least 1"),
        ("{any: [a], except: ['[']}", "'['"),
    ],
)
def test_wrong_expressions_are_named_with_their_line(
    tmp_path: Path, rule: str, problem: str
) -> None:
    class File(Frozen):
        macros: Mapping[str, str] = {}
        rules: tuple[Expressions, ...]

    source = tmp_path / "f.yaml"
    source.write_text(
        f"macros: {{kin: 爸}}\nrules:\n  - {{any: [a]}}\n  - {rule}\n", encoding="utf-8"
    )
    with pytest.raises(DocumentError) as caught:
        load_expressions(source, File)
    assert problem in str(caught.value)
    assert caught.value.line == 4
