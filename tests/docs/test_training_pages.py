"""The pages on training: tables are the estimator's, commands and configurations are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import doc_tables
from qiaoban_finetune.config import load_config
from qiaoban_finetune.shipped import configs_folder, shipped_configs

ROOT = Path(__file__).parents[2]
SCALE = (ROOT / "docs" / "training-at-scale.md").read_text(encoding="utf-8")
FINETUNING = (ROOT / "docs" / "finetuning.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [SCALE, FINETUNING], ids=["scale", "finetuning"])
def test_the_tables_are_what_the_package_gives(page: str) -> None:
    assert doc_tables.filled(page) == page, "run python finetune/doc_tables.py"


def test_every_table_is_on_the_pages() -> None:
    found = re.findall(r"<!-- table (\S+) -->", SCALE + FINETUNING)
    assert sorted(found) == sorted([*doc_tables.TABLES, "keys"])


def test_a_table_that_was_changed_by_hand_is_noticed() -> None:
    changed = re.sub(r"\*\*(\d)", r"**9\1", SCALE, count=1)
    assert changed != SCALE
    assert doc_tables.filled(changed) == SCALE


def test_every_shipped_configuration_is_on_the_page() -> None:
    for name in shipped_configs():
        assert f"`{name}`" in FINETUNING
    for path in (configs_folder() / "deepspeed").glob("*.json"):
        assert f"`{path.stem}`" in FINETUNING


@pytest.mark.parametrize("fence", re.findall(r"```yaml\n(.*?)```", FINETUNING, re.DOTALL))
def test_its_configurations_can_be_read(fence: str, tmp_path: Path) -> None:
    path = tmp_path / "page.yaml"
    path.write_text(fence, encoding="utf-8")
    assert load_config(path).output == Path(yaml.safe_load(fence)["output"])


@pytest.mark.parametrize("page", [SCALE, FINETUNING], ids=["scale", "finetuning"])
def test_every_override_on_the_pages_is_taken(page: str) -> None:
    found = re.findall(r"""--set\s+(?:'([^']+)'|([\w.]+=[\w.]+))""", page)
    assert found
    for quoted, plain in found:
        load_config("qiaoban-7b", ["method.kind=lora", quoted or plain])
