"""Two processes on the CPU learn what one learns, by DeepSpeed's ZeRO and without it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.distributed import deepspeed_settings, zero_stage
from qiaoban_finetune.errors import ConfigError, TrainingError
from qiaoban_finetune.train import train
from tests.finetune.launching import RANKS, launched, zero
from tests.finetune.runs import answer, card, configured, history, losses

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")
pytest.importorskip("matplotlib")

pytestmark = [
    pytest.mark.models,
    # PEFT 0.21 asks transformers 5.23 for an attribute by its old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
STEPS = 6
TOLERANCE = 1e-4
"""Relative; sums over processes are added in another order."""
WITHOUT_DROPOUT = "from qiaoban_finetune import methods\nmethods.PREFIX_DROPOUT = 0.0\n"
METHODS: dict[str, dict[str, Any]] = {
    "full": {"kind": "full"},
    "lora": {"kind": "lora", "rank": 4, "dropout": 0.0},
    "prefix": {"kind": "prefix", "length": 4},
}
Ran = Callable[..., TrainingConfig]


def run_in(folder: Path, base: Path, file: Path, /, **sections: Any) -> TrainingConfig:
    told: dict[str, Any] = {
        "model": {"base": str(base), "random": None},
        "data": {"packing": False, "validation": 1},
        "optimiser": {"max_steps": STEPS, "warmup_steps": 2},
        "checkpoints": {"every_steps": 4},
        "logging": {"every_steps": 1, "validate_every_steps": 3},
    }
    return configured(folder, file, **{**told, **sections})


@pytest.fixture(scope="module")
def without_dropout() -> Iterator[None]:
    """Each process draws its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("qiaoban_finetune.methods.PREFIX_DROPOUT", 0.0)
        yield


@pytest.fixture(scope="module")
def alone(
    fresh: Path, five: Path, tmp_path_factory: pytest.TempPathFactory, without_dropout: None
) -> Ran:
    """A finished run of one process by its method."""
    del without_dropout
    torch.set_num_threads(1)
    done: dict[str, TrainingConfig] = {}

    def ran(method: str) -> TrainingConfig:
        if method not in done:
            folder = tmp_path_factory.mktemp("one")
            done[method] = run_in(folder, fresh, five, method=METHODS[method])
            train(done[method])
        return done[method]

    return ran


@pytest.fixture(scope="module")
def together(fresh: Path, five: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A finished run of two by method and ZeRO's stage; without DeepSpeed accelerate starts it."""
    done: dict[tuple[str, int], TrainingConfig] = {}

    def ran(method: str, stage: int) -> TrainingConfig:
        if (method, stage) not in done:
            folder = tmp_path_factory.mktemp("two")
            deepspeed = str(zero(folder, stage)) if stage else None
            config = run_in(folder, fresh, five, method=METHODS[method], deepspeed=deepspeed)
            ended = launched(config, before=WITHOUT_DROPOUT, accelerate=not stage)
            assert ended.returncode == 0, ended.stderr[-3000:]
            done[method, stage] = config
        return done[method, stage]

    return ran


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "method"),
    [(0, "full"), (2, "full"), (3, "full"), (2, "lora"), (3, "lora"), (2, "prefix")],
    ids=["ddp-full", "zero2-full", "zero3-full", "zero2-lora", "zero3-lora", "zero2-prefix"],
)
def test_two_processes_have_the_loss_curve_of_one(
    stage: int, method: str, alone: Ran, together: Ran
) -> None:
    one, two = alone(method).output, together(method, stage).output
    assert len(losses(two)) == STEPS
    assert losses(two) == pytest.approx(losses(one), rel=TOLERANCE)
    assert _validated(two) == pytest.approx(_validated(one), rel=TOLERANCE)
    assert len(set(losses(one))) > STEPS / 2, "else the curves would prove nothing"
    told = card(two)
    assert told["facts"]["processes"] == RANKS
    assert told["numbers"]["parameters"] == card(one)["numbers"]["parameters"]
    assert _differ(one / "final", two / "final") <= 1e-3


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
def test_what_zero3_trained_is_a_companion(together: Ran) -> None:
    assert answer(together("full", 3).output)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_goes_on_from_its_checkpoint_with_the_same_losses(
    stage: int, together: Ran
) -> None:
    config = together("full", stage)
    whole = losses(config.output)
    shutil.rmtree(config.output / "final")
    folder = config.output / "checkpoints"
    assert sorted(each.name for each in folder.iterdir()) == ["checkpoint-4", "checkpoint-6"]
    shutil.rmtree(folder / "checkpoint-6")
    done = launched(config, resume=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(config.output) == whole
    assert (config.output / "final" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_resume_by_another_number_of_processes_is_refused(together: Ran) -> None:
    with pytest.raises(TrainingError, match="processes: 2 → 1"):
        train(together("full", 0), resume=True)


@pytest.mark.slow
def test_a_problem_of_one_process_stops_both_and_says_whose_it_is(
    fresh: Path, five: Path, tmp_path: Path
) -> None:
    """Only the second process's disk is full."""
    config = run_in(tmp_path, fresh, five, method=METHODS["lora"])
    full = (
        "import os\n"
        "from qiaoban_finetune import trainer\n"
        "def full(self, folder):\n"
        "    if os.environ['RANK'] == '1':\n"
        "        raise OSError(28, 'No space left on device')\n"
        "trainer.Ours._save_rng_state = full\n"
    )
    done = launched(config, before=full)
    assert done.returncode != 0
    assert "checkpoint 4 cannot be written" in done.stderr
    assert "process 1: No space left on device" in done.stderr
    assert not list((config.output / "checkpoints").glob("*"))
    assert card(config.output)["state"].startswith("stopped: TrainingError")


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "not valid JSON"), ("[]", "is an object of keys")],
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


def test_an_old_json_is_taken_as_deepspeed_takes_it_today(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("deepspeed")
    file = tmp_path / "old.json"
    file.write_text('{"fp16": {"enabled": true, "opt_level": "O2"}, "optimizer": {"type": "Adam"}}')
    with caplog.at_level(logging.WARNING):
        settings = deepspeed_settings(file)
    assert settings == {"fp16": {"enabled": "auto"}, "bf16": {"enabled": "auto"}}
    assert "fp16.opt_level is left out" in caplog.text
    assert "optimizer Adam is left out" in caplog.text
