"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_an_example_runs(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "巧板：" in done.stdout


def test_the_careless_model_is_held_back() -> None:
    example = next(path for path in EXAMPLES if path.name == "own_model.py")
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "秘密" not in done.stdout.replace("secrets", "")
    assert "[withheld by secrecy" in done.stdout
    assert "[to the adult] high: abuse" in done.stdout
