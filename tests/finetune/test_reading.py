"""Files of JSON: every layout gives the same records, damage is told, memory is constant."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune import reading
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.reading import Place, records

VALUES: list[Any] = [
    {"id": 1, "text": "你好 🙂", "more": [1.5, -2e9, True, None, {"": []}]},
    {"id": 2, "text": 'a "quoted" \\ line\nand ]},[{ brackets', "more": {}},
    {"id": 3, "text": "🙂 é"},
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=4)


def _lines(values: list[Any]) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


LAYOUTS: dict[str, Callable[[list[Any]], str]] = {
    "lines": _lines,
    "lines, the last one open": lambda values: _lines(values).removesuffix("\n"),
    "lines with blank ones": lambda values: "\n \n" + _lines(values).replace("\n", "\n\n"),
    "lines of Windows": lambda values: _lines(values).replace("\n", "\r\n"),
    "lines, escaped": lambda values: "".join(json.dumps(value) + "\n" for value in values),
    "array": lambda values: json.dumps(values, ensure_ascii=False),
    "array, indented": lambda values: "\n " + json.dumps(values, indent=2) + "\n\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
def test_every_layout_gives_the_same_records(
    tmp_path: Path, layout: str, packed: bool, mark: bytes
) -> None:
    data = mark + LAYOUTS[layout](VALUES).encode()
    file = tmp_path / "data"
    file.write_bytes(gzip.compress(data) if packed else data)
    assert [value for value, _ in records(file)] == VALUES


@given(st.lists(json_objects, min_size=1, max_size=6), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_a_window_may_end_anywhere(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[Any],
    layout: str,
    data: st.DataObject,
) -> None:
    file = tmp_path_factory.mktemp("windows") / "data.json"
    file.write_text(LAYOUTS[layout](values), encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_WINDOW", data.draw(st.integers(1, 64), label="window"))
        assert [value for value, _ in records(file)] == values


@pytest.mark.parametrize("layout", ["lines", "lines with blank ones", "array, indented"])
def test_a_place_is_the_line_a_record_begins_on(tmp_path: Path, layout: str) -> None:
    file = tmp_path / "data.json"
    file.write_text(LAYOUTS[layout](VALUES), encoding="utf-8", newline="")
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, (_, place) in enumerate(records(file), 1):
        assert place == Place(file, place.line, number)
        assert lines[place.line - 1].strip().startswith("{")
        inside = "\n".join(lines[place.line - 1 : place.line + 2])
        assert f'"id": {number}' in inside


GOOD = '{"a": "好"}'
DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "data.json: is empty; give a file with at least one dialogue"),
    "blank": (b"\n \n", "data.json: is empty"),
    "empty array": (b" [ ] ", "data.json: is empty"),
    "UTF-16": (GOOD.encode("utf-16"), "data.json:1: is UTF-16; save it as UTF-8"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
    "not JSON": (b"dialogue one\n", "data.json:1: no valid JSON: Expecting value"),
    "GB18030": (f"{GOOD}\n{GOOD}".encode("gb18030"), "data.json:1: byte 8 of the line is no UTF-8"),
    "a byte in a line": (
        f"{GOOD}\n".encode() + b'{"a": "\xff"}\n',
        "data.json:2: byte 8 of the line is no UTF-8; save the file as UTF-8",
    ),
    "a byte in an array behind a mark": (
        f"\ufeff\n\n[{GOOD},\n".encode() + b'{"a": "\xff"}]',
        "data.json:4: byte 28 of the file is no UTF-8; save the file as UTF-8",
    ),
    "a byte in an array": (
        f"[{GOOD},\n".encode() + b'{"a": "\xff"}]',
        "data.json:2: byte 23 of the file is no UTF-8; save the file as UTF-8",
    ),
    "mark inside": (
        f"{GOOD}\n\ufeff{GOOD}\n".encode(),
        "data.json:2: no valid JSON: Unexpected UTF-8 BOM",
    ),
    "cut line": (f'{GOOD}\n{{"a": "好'.encode(), "data.json:2: the file is cut off inside"),
    "cut between": (f'{GOOD}\n{{"a": 1'.encode(), "data.json:2: the file is cut off inside"),
    "cut character": (
        f"{GOOD}\n".encode() + b'{"a": "\xe5\xa5',
        "data.json:2: the file is cut off",
    ),
    "cut array": (f'[{GOOD},\n{{"a": "好'.encode(), "data.json:2: the file is cut off inside"),
    "cut array character": (
        f"[{GOOD},\n".encode() + b'{"a": "\xe5',
        "data.json:2: the file is cut",
    ),
    "cut behind a comma": (f"[{GOOD},\n".encode(), "data.json:2: the array has no closing ]"),
    "array not closed": (
        f"[{GOOD}\n".encode(),
        "data.json:2: the array has no closing ]; the file",
    ),
    "comma at the end": (f"[{GOOD},\n]".encode(), "data.json:2: a comma stands before the closing"),
    "no comma": (f"[{GOOD}\n{GOOD}]".encode(), "data.json:2: '{' stands between two records; wri"),
    "two arrays": (f"[{GOOD}]\n[{GOOD}]".encode(), "data.json:2: more stands behind the closing ]"),
    "array with a word": (
        f"[{GOOD},\nNone, {GOOD}]".encode(),
        "data.json:2: no valid JSON: Expect",
    ),
    "array, wrong inside": (
        f'[{GOOD},\n{{"a": 1,\n "b" 2, "c": "{"x" * 40}"}}]'.encode(),
        "data.json:3: no valid JSON: Expecting ':' delimiter; mend the record",
    ),
    "one object over lines": (
        b'{\n "a": 1\n}\n',
        "data.json:1: no valid JSON: Expecting property name enclosed in double quotes; a record "
        "has to stand on one line; an array of records begins with [",
    ),
    "open line": (
        f'{GOOD}\n{{"a": 1\n{GOOD}\n'.encode(),
        "data.json:2: no valid JSON: Expecting ',",
    ),
    "wrong line": (f"{GOOD}\n{{'a': 1}}\n".encode(), "data.json:2: no valid JSON: Expecting prop"),
    "half a character": (
        f'{GOOD}\n{{"a": "\\ud83d"}}'.encode(),
        "data.json:2: '\\ud83d' is half of",
    ),
    "half in an array": (
        f'[{GOOD},\n{{"\\uDE42": 1}}]'.encode(),
        "data.json:2: '\\ude42' is half of",
    ),
    "deep": (b"[" * 100_000, "data.json:1: no valid JSON: maximum recursion depth exceeded"),
    "deep line": (f"{GOOD}\n".encode() + b'{"a":' * 100_000, "data.json:2: no valid JSON: maximum"),
    "a number without end": (f'{{"a": {"9" * 5000}}}'.encode(), "data.json:1: no valid JSON: Exc"),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_damage_is_told_with_its_line(tmp_path: Path, damage: str, packed: bool) -> None:
    data, told = DAMAGED[damage]
    file = tmp_path / "data.json"
    file.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError) as caught:
        list(records(file))
    assert told in str(caught.value)


@pytest.mark.parametrize("layout", ["lines", "array, indented"])
@given(kept=st.integers(1, 500))
def test_a_file_cut_anywhere_is_refused_or_ends_with_a_record(
    tmp_path_factory: pytest.TempPathFactory, layout: str, kept: int
) -> None:
    data = LAYOUTS[layout](VALUES).encode()[:kept]
    file = tmp_path_factory.mktemp("cut") / "data.json"
    file.write_bytes(data)
    found: list[Any] = []
    try:
        found.extend(value for value, _ in records(file))
    except DataError as error:
        told = str(error)
        whole = "cut off" in told or "is empty" in told
    else:
        whole = data.rstrip().endswith(b"}" if layout == "lines" else b"]")
    assert whole
    assert found == VALUES[: len(found)]


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_a_packed_file_that_is_damaged_says_where(tmp_path: Path, layout: str) -> None:
    packed = gzip.compress(LAYOUTS[layout](VALUES * 1_000).encode())
    file = tmp_path / "data.json.gz"
    for data in (packed[:-9], packed[:-6] + bytes(6)):
        file.write_bytes(data)
        with pytest.raises(
            DataError, match=r"data.json.gz: cannot be read behind record \d+ \(.*fe"
        ):
            list(records(file))


def test_a_record_longer_than_any_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_RECORD", 1_000)
    monkeypatch.setattr(reading, "_WINDOW", 100)
    file = tmp_path / "data.json"
    for text in ('{"a": "' + "x" * 5_000 + '"}', '[{"a": "' + "x" * 5_000 + '"}]'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"data.json:1: no .*end.* within 1000"):
            list(records(file))


_MEASURED = """
import resource, sys
from pathlib import Path
from qiaoban_finetune.formats import read

used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), -1))
print(sum(len(dialogue.messages) for dialogue in read(Path(sys.argv[1]))))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")
@pytest.mark.parametrize("layout", ["lines", "array", "array, one line", "gzip"])
def test_a_file_larger_than_the_memory_is_read(tmp_path: Path, layout: str) -> None:
    before, between, after = {
        "array": (b"[\n", b",\n", b"]"),
        "array, one line": (b"[", b",", b"]"),
    }.get(layout, (b"", b"\n", b"\n"))
    child, coach = "我今天很难过" * 100, "说给我听听" * 100
    said = (
        f'{{"role": "user", "content": "{child}"}}, {{"role": "assistant", "content": "{coach}"}}'
    )
    many, megabytes = 26_000, 24
    file = tmp_path / "data.json"
    size = 0
    with file.open("wb") as stream:
        for number in range(many):
            record = f'{{"id": {number}, "messages": [{said}]}}'.encode()
            size += stream.write((between if number else before) + record)
        stream.write(after)
    assert size > 3 * megabytes * 2**20
    if layout == "gzip":
        file.write_bytes(gzip.compress(file.read_bytes(), 1))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(file), str(megabytes * 2**20)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == str(2 * many), done.stderr
