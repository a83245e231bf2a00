"""The wheel, built, installed into a clean environment outside the checkout, and used."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]

USE = """
import pathlib, qiaoban_agent, qiaoban_finetune, qiaoban_guards
from qiaoban_agent import Companion, load_policy

assert "site-packages" in qiaoban_agent.__file__, qiaoban_agent.__file__
assert "site-packages" in qiaoban_guards.__file__
reply = Companion().reply("爸爸天天用皮带抽我", session="a")
assert reply.escalation is not None and "12338" in reply.text or "110" in reply.text
assert load_policy("en-US").audience.jurisdiction == "US"
for package in (qiaoban_agent, qiaoban_finetune, qiaoban_guards):
    assert (pathlib.Path(package.__file__).parent / "py.typed").is_file()
print(reply.text)
"""


def test_the_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"qiaoban_agent", "qiaoban_finetune", "qiaoban_guards"}
    assert "qiaoban_guards/policies/default.yaml" in names
    assert "qiaoban_guards/risk/model/weights.npz" in names
    assert "qiaoban_guards/pii/tagger/model.npz" in names
    assert "qiaoban_finetune/configs/tiny.yaml" in names
    assert "qiaoban_guards/risk/remote/tables/qwen3guard.yaml" in names
    assert not any("corpus" in name or "training" in name for name in names)

    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", str(wheel)],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    used = subprocess.run(
        [str(python), "-W", "error", "-c", USE],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert used.returncode == 0, used.stderr
    chatted = subprocess.run(
        [str(environment / "bin" / "qiaoban"), "chat"],
        input="你好\n",
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "你好" in chatted.stdout
