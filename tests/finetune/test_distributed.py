"""Two processes on the CPU learn what one learns, by DeepSpeed's ZeRO and without it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.distributed import deepspeed_settings, zero_stage
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.shipped import configs_folder
from qiaoban_finetune.train import train
from tests.conftest import ROOT
from tests.finetune.runs import (
    OTHERS,
    SAID,
    TAUGHT,
    answer,
    card,
    configured,
    history,
    losses,
    write_dialogues,
)

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")
pytest.importorskip("matplotlib")

pytestmark = [
    pytest.mark.models,
    # PEFT 0.21 asks transformers 5.23 for an attribute by its old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
RANKS, STEPS = 2, 12
TOLERANCE = 1e-4
"""Relative; sums over processes are added in another order."""
SCRIPT = """
import json, sys
import torch
torch.set_num_threads(1)
from qiaoban_finetune.config import parse_config
from qiaoban_finetune.train import train
config = parse_config(json.loads(sys.argv[1]), origins=[("the test", "{}")])
train(config, resume=bool(sys.argv[2]))
"""
WITHOUT_DROPOUT = "from qiaoban_finetune import methods\nmethods.PREFIX_DROPOUT = 0.0\n"
LORA = {"kind": "lora", "rank": 4, "dropout": 0.0}
PREFIX = {"kind": "prefix", "length": 4}
FULL = {"kind": "full"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = [(SAID, TAUGHT), *OTHERS, ("我考试没考好。", "没考好心里难受吧。哪一科让你最难过？")]
    return write_dialogues(tmp_path_factory.mktemp("data") / "five.jsonl", pairs)


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("base")
    train(configured(folder, data, optimiser={"max_steps": 1}))
    return folder / "base"


def run_in(folder: Path, base: Path, file: Path, /, **sections: Any) -> TrainingConfig:
    told: dict[str, Any] = {
        "model": {"base": str(base), "random": None},
        "data": {"packing": False, "validation": 1},
        "optimiser": {"max_steps": STEPS},
        "checkpoints": {"every_steps": 5},
        "logging": {"every_steps": 1, "validate_every_steps": 6},
    }
    return configured(folder, file, **{**told, **sections})


def launched(
    config: TrainingConfig, *, resume: bool = False, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """The run in two processes, as torchrun starts them; `before` is executed in both first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = json.dumps(config.model_dump(mode="json"))
    paths = [str(ROOT), str(ROOT / "guards"), str(ROOT / "finetune")]
    script = config.output.parent / "run.py"
    script.write_text(before + SCRIPT)
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--nproc_per_node", str(RANKS), "--master_addr", "127.0.0.1"),
            *("--master_port", str(port), str(script), told, "yes" if resume else ""),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def zero(folder: Path, stage: int) -> Path:
    """DeepSpeed's JSON for a stage, as the shipped ones are, with buckets for a small model."""
    pytest.importorskip("deepspeed")
    if shutil.which("g++") is None:
        pytest.skip("DeepSpeed compiles its collectives for CPUs, which takes g++")
    shipped = configs_folder() / "deepspeed" / f"zero{stage}-4gpus.json"
    told = json.loads(shipped.read_text("utf-8"))
    told["zero_optimization"]["reduce_bucket_size"] = 50_000
    file = folder / f"zero{stage}.json"
    file.write_text(json.dumps(told))
    return file


@pytest.fixture
def _without_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process draws its own."""
    monkeypatch.setattr("qiaoban_finetune.methods.PREFIX_DROPOUT", 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("_without_dropout")
@pytest.mark.parametrize(
    ("stage", "method"),
    [(0, FULL), (2, FULL), (3, FULL), (2, LORA), (3, LORA), (2, PREFIX)],
    ids=["ddp-full", "zero2-full", "zero3-full", "zero2-lora", "zero3-lora", "zero2-prefix"],
)
def test_two_processes_have_the_loss_curve_of_one(
    stage: int,
    method: dict[str, Any],
    base: Path,
    data: Path,
    tmp_path: Path,
) -> None:
    deepspeed = str(zero(tmp_path, stage)) if stage else None
    one = run_in(tmp_path / "one", base, data, method=method)
    train(one)
    two = run_in(tmp_path / "two", base, data, method=method, deepspeed=deepspeed)
    two.output.parent.mkdir()
    done = launched(two, before=WITHOUT_DROPOUT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(losses(two.output)) == STEPS
    assert losses(two.output) == pytest.approx(losses(one.output), rel=TOLERANCE)
    assert _validated(two.output) == pytest.approx(_validated(one.output), rel=TOLERANCE)
    assert len(set(losses(one.output))) > STEPS / 2, "else the curves would prove nothing"
    told = card(two.output)
    assert told["facts"]["processes"] == RANKS
    assert told["numbers"]["parameters"] == card(one.output)["numbers"]["parameters"]
    assert _differ(one.output / "final", two.output / "final") <= 1e-3


def _validated(run: Path) -> list[float]:
    return [each["eval_loss"] for each in history(run) if "eval_loss" in each]


def _differ(one: Path, two: Path) -> float:
    """The largest difference of the weights that were trained."""
    from safetensors import torch as safetensors

    files: Any = safetensors
    inside = "adapter/adapter_model.safetensors"
    name = inside if (one / inside).exists() else "model.safetensors"
    ours, theirs = files.load_file(one / name), files.load_file(two / name)
    assert set(ours) == set(theirs)
    return max(float((ours[key] - theirs[key]).abs().max()) for key in ours)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_goes_on_from_its_checkpoint_with_the_same_losses(
    stage: int, base: Path, data: Path, tmp_path: Path
) -> None:
    config = run_in(tmp_path, base, data, deepspeed=str(zero(tmp_path, stage)))
    done = launched(config)
    assert done.returncode == 0, done.stderr[-3000:]
    whole = losses(config.output)
    shutil.rmtree(config.output / "final")
    folder = config.output / "checkpoints"
    assert sorted(each.name for each in folder.iterdir()) == ["checkpoint-10", "checkpoint-12"]
    shutil.rmtree(folder / "checkpoint-12")
    done = launched(config, resume=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(config.output) == whole
    assert (config.output / "final" / "model.safetensors").is_file()


@pytest.mark.slow
def test_what_zero3_trained_is_a_companion(base: Path, data: Path, tmp_path: Path) -> None:
    optimiser = {"learning_rate": 5e-3, "max_steps": 200}
    config = run_in(
        tmp_path,
        base,
        data,
        optimiser=optimiser,
        data={"packing": True, "validation": 0},
        deepspeed=str(zero(tmp_path, 3)),
        logging={"every_steps": 50},
        checkpoints={"every_steps": 1000},
    )
    done = launched(config)
    assert done.returncode == 0, done.stderr[-3000:]
    assert answer(config.output) == TAUGHT


@pytest.mark.slow
def test_a_resume_by_another_number_of_processes_is_refused(
    base: Path, data: Path, tmp_path: Path
) -> None:
    config = run_in(tmp_path, base, data, optimiser={"max_steps": 2})
    train(config)
    done = launched(config, resume=True)
    assert done.returncode != 0
    assert "processes: 1 → 2" in done.stderr


@pytest.mark.slow
def test_a_problem_of_one_process_stops_both_and_says_whose_it_is(
    base: Path, data: Path, tmp_path: Path
) -> None:
    """Only the second process's disk is full."""
    config = run_in(tmp_path, base, data, method=LORA)
    full = (
        "import os\n"
        "from qiaoban_finetune import trainer\n"
        "def full(self, folder):\n"
        "    if os.environ['RANK'] == '1':\n"
        "        raise OSError(28, 'No space left on device')\n"
        "trainer._Ours._save_rng_state = full\n"
    )
    config.output.parent.mkdir(exist_ok=True)
    done = launched(config, before=full)
    assert done.returncode != 0
    assert "checkpoint 5 cannot be written" in done.stderr
    assert "process 1: No space left on device" in done.stderr
    assert not list((config.output / "checkpoints").glob("*"))
    assert card(config.output)["state"].startswith("stopped: TrainingError")


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "cannot be read as JSON"), ("[]", "holds no JSON object")],
)
def test_a_json_that_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    pytest.importorskip("deepspeed")
    file = tmp_path / "zero.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        deepspeed_settings(file)


def test_the_stage_is_read_off_the_json() -> None:
    assert zero_stage(None) == 0
    assert zero_stage({}) == 0
    assert zero_stage({"zero_optimization": {"stage": 3}}) == 3
