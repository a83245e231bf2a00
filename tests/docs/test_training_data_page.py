"""The page about training data: its records are read, its errors are what is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import FORMATS, read, write
from qiaoban_finetune.sections import DataConfig

PAGE = (Path(__file__).parents[2] / "docs/training-data.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, flags=re.DOTALL | re.MULTILINE)
EXAMPLES = [
    (name, fence)
    for name, section in SECTIONS
    for fence in re.findall(r"```json\n(.*?)```", section, re.DOTALL)
]


def test_every_format_is_listed_and_has_an_example() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (yes|no)\b", PAGE, flags=re.MULTILINE)
    written = {name: "yes" if form.dump else "no" for name, form in FORMATS.items()}
    assert dict(rows) == written
    assert {name for name, _ in EXAMPLES} == set(FORMATS)


@pytest.mark.parametrize(("name", "fence"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_its_records_are_read_by_name_and_by_looks(tmp_path: Path, name: str, fence: str) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps([json.loads(fence)]), encoding="utf-8")
    dialogues = list(read(file, name))
    assert dialogues
    assert list(read(file)) == dialogues
    if FORMATS[name].dump:
        write(dialogues, tmp_path / "again.json", name)
        assert list(read(tmp_path / "again.json", name)) == dialogues


def test_its_strategies_are_those_of_its_example(tmp_path: Path) -> None:
    record = json.loads(next(fence for name, fence in EXAMPLES if name == "psyqa"))
    (tmp_path / "data.json").write_text(json.dumps([record]), encoding="utf-8")
    (dialogue,) = read(tmp_path / "data.json")
    assert f"`{dialogue.messages[1].strategy}`" in PAGE


def test_its_configuration_is_one() -> None:
    (fence,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    sources = DataConfig.model_validate(yaml.safe_load(fence)).train
    assert [(source.share, source.turns) for source in sources] == [
        (1.0, "merge"),
        (1.0, "refuse"),
        (0.25, "refuse"),
    ]


def _said(*speakers: str, name: int = 5) -> dict[str, Any]:
    turns = [{"speaker": speaker, "text": "你好"} for speaker in speakers]
    return {"dialog_id": name, "dialog": turns}


def _array(*records: dict[str, Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in records) + "\n]"


REFUSED = [
    ("qiaoban", _array(_said("孩子", "智能助手"), _said("孩子", "智能助理", name=6))),
    ("qiaoban", _array(_said("孩子", "孩子", "智能助手"))),
    ("qiaoban", _array(_said("孩子", "智能助手")).partition("好")[0]),
    ("belle", _array(_said("孩子", "智能助手"))),
]


def test_its_errors_are_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = re.search(r"<!-- refused -->\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    told = found[1].splitlines()
    for line, (form, text) in zip(told, REFUSED, strict=True):
        Path("chat.json").write_text(text, encoding="utf-8")
        with pytest.raises(DataError) as caught:
            list(read(Path("chat.json"), form))
        assert str(caught.value) == line
