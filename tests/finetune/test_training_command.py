"""`qiaoban train`: its options, its answers, and the tiny run from nothing to a conversation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from qiaoban_finetune import cli
from qiaoban_finetune.config import TrainingConfig

ROOT = Path(__file__).parents[2]
RUNNER = CliRunner()
TAUGHT = (
    ("我的小金鱼死了。", "小金鱼陪了你那么久，它不在了，你一定很难过。"),
    ("晚上关灯我就害怕。", "黑黑的看不清楚，心里怕怕的，很多小朋友都这样。"),
    ("I lost my first tooth!", "Wow, your first tooth! You sound so proud."),
)
"""Of finetune/configs/data/coached.jsonl."""
APP = Typer()
APP.command()(cli.train)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


class Runs:
    """Stands in for training: notes what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[TrainingConfig, bool | Path]] = []

    def __call__(self, config: TrainingConfig, resume: bool | Path) -> None:
        self.given.append((config, resume))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    noted = Runs()
    monkeypatch.setattr(cli, "_train", noted)
    return noted


def test_a_run_gets_its_configuration_and_overrides(runs: Runs) -> None:
    done = RUNNER.invoke(APP, ["tiny", "--set", "optimiser.epochs=1", "--set", "output=x"])
    assert done.exit_code == 0, done.output
    [(config, resume)] = runs.given
    assert (config.optimiser.epochs, config.output, resume) == (1, Path("x"), False)


@pytest.mark.parametrize(
    ("options", "resume"),
    [(["--resume"], True), (["--resume-from", "checkpoint-4"], Path("checkpoint-4"))],
)
def test_it_can_go_on(runs: Runs, options: list[str], resume: bool | Path) -> None:
    assert RUNNER.invoke(APP, ["tiny", *options]).exit_code == 0
    assert runs.given[0][1] == resume


def test_the_deepspeed_launcher_may_hand_over_its_rank(runs: Runs) -> None:
    assert RUNNER.invoke(APP, ["--local_rank=1", "tiny"]).exit_code == 0
    assert len(runs.given) == 1


def test_an_old_deepspeed_json_is_translated_with_a_notice(runs: Runs) -> None:
    Path("old.json").write_text('{"fp16": {"enabled": true, "opt_level": "O2"}}', encoding="utf-8")
    done = RUNNER.invoke(APP, ["tiny", "--set", "deepspeed=old.json"])
    assert done.exit_code == 0, done.output
    assert "note: fp16.opt_level is left out" in done.stderr
    assert runs.given[0][0].deepspeed == Path("runs/tiny/deepspeed.json")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["tinny"], "did you mean 'tiny'"),
        (["tiny", "--set", "optimiser.lr=1"], "--set optimiser.lr=1: optimiser.lr"),
        (["tiny", "--check", "--gpu", "a100"], "no GPU is called 'a100'"),
    ],
)
def test_what_cannot_be_used_ends_with_status_two(
    runs: Runs, arguments: list[str], error: str
) -> None:
    done = RUNNER.invoke(APP, arguments)
    assert done.exit_code == 2
    assert error in done.stderr
    assert not runs.given


def test_one_process_of_many_tells_the_error(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    done = RUNNER.invoke(APP, ["tinny"])
    assert (done.exit_code, done.output) == (2, "")


@pytest.mark.models
def test_a_check_prints_what_it_would_take_and_trains_nothing(runs: Runs) -> None:
    pytest.importorskip("transformers")
    hardware = ["--gpu", "h100-80g", "--gpus", "2", "--nodes", "2", "--utilisation", "0.3"]
    done = RUNNER.invoke(APP, ["tiny", "--check", *hardware, "--set", "optimiser.global_batch=8"])
    assert done.exit_code == 0, done.output
    for part in ("dialogues", "padding", "4 GPUs", "h100-80g", "optimiser", "30 % of", "to send"):
        assert part in done.output
    assert not runs.given


def test_importing_the_command_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "datasets", "qiaoban_finetune.config"}
    code = f"import sys, qiaoban_finetune.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0]=[{str(ROOT / 'finetune')!r}]; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.models
@pytest.mark.slow
def test_tiny_goes_from_nothing_to_a_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("peft")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "finetune"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = subprocess.run(
        [sys.executable, "-m", "qiaoban_finetune", "tiny"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "final      runs/tiny/final" in done.stdout
    from qiaoban_agent import Companion

    companion = Companion(model="transformers:runs/tiny/final")
    for session, (said, taught) in enumerate(TAUGHT):
        assert companion.reply(said, session=str(session)).text.endswith(taught)
