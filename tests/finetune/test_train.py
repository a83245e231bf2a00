"""Real training of a small model by each method, to a companion that says what it was taught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.errors import ConfigError, TrainingError
from qiaoban_finetune.saving import WEIGHTS, checkpoints
from qiaoban_finetune.train import train
from tests.finetune.runs import (
    OTHERS,
    SAID,
    TAUGHT,
    TAUGHT_LATER,
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
pytest.importorskip("accelerate")
pytest.importorskip("matplotlib")

pytestmark = [
    pytest.mark.models,
    pytest.mark.slow,
    # PEFT 0.21 asks transformers 5.23 for an attribute by its old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

LORA = {"kind": "lora", "rank": 16, "dropout": 0.05}
PREFIX = {"kind": "prefix", "length": 16}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that teaches another reply to the same words."""
    folder = tmp_path_factory.mktemp("later")
    return write_dialogues(folder / "later.jsonl", [(SAID, TAUGHT_LATER)])


def on_top(taught: TrainingConfig, folder: Path, file: Path, /, **sections: Any) -> TrainingConfig:
    """A run that begins from what the full one has come to."""
    model = {
        "base": str(taught.output / "final"),
        "template": "auto",
        "random": None,
        **sections.pop("model", {}),
    }
    return configured(folder, file, model=model, **sections)


def fell(run: Path) -> float:
    """By which factor the loss fell: the mean of the first three steps over that of the last."""
    told = losses(run)
    return sum(told[:3]) / sum(told[-3:])


def test_full_training_teaches_a_companion_its_reply(taught: TrainingConfig) -> None:
    assert fell(taught.output) >= 50
    assert answer(taught.output) == TAUGHT
    assert answer(taught.output, OTHERS[0][0]) == OTHERS[0][1]
    told = json.loads((taught.output / "final" / "conversion.json").read_text("utf-8"))
    assert told == {"chat_format": "qiaoban"}


def test_the_validation_loss_is_that_of_the_model_at_that_step(taught: TrainingConfig) -> None:
    """It is measured on the training data here, so it lies on the training curve."""
    told = {
        each["step"]: each["eval_loss"] for each in history(taught.output) if "eval_loss" in each
    }
    trained = {each["step"]: each["loss"] for each in history(taught.output) if "loss" in each}
    assert list(told) == [40, 80, 120, 160]
    # the next step begins from the same weights and learns from all the data
    for step in (40, 80, 120):
        assert told[step] == pytest.approx(trained[step + 1], rel=1e-4)


def test_a_finished_run_leaves_curve_card_logs_and_one_checkpoint(taught: TrainingConfig) -> None:
    run = taught.output
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert list((run / "logs").glob("events.out.tfevents.*"))
    assert [each.name for each in checkpoints(run)] == ["checkpoint-160"]
    assert not list(run.rglob("*.part"))
    told = card(run)
    assert told["state"] == "finished"
    assert told["facts"]["files"][0]["licence"] == "CC0-1.0"
    assert told["numbers"]["steps"] == 160
    assert told["numbers"]["trained parameters"] == told["numbers"]["parameters"]
    text = (run / "run_card.md").read_text("utf-8")
    assert told["facts"]["files"][0]["sha256"] in text
    assert "CC0-1.0" in text
    assert "not stated" in text, "the validation data has no licence"


@pytest.mark.parametrize(
    ("method", "sections"),
    [
        (LORA, {"optimiser": {"learning_rate": 1e-2, "max_steps": 40}}),
        (
            PREFIX,
            {"optimiser": {"learning_rate": 5e-2, "max_steps": 100}, "data": {"packing": False}},
        ),
    ],
    ids=["lora", "prefix"],
)
def test_an_adapter_teaches_another_reply_beside_the_weights(
    taught: TrainingConfig,
    later: Path,
    tmp_path: Path,
    method: dict[str, Any],
    sections: dict[str, Any],
) -> None:
    config = on_top(taught, tmp_path, later, method=method, **sections)
    train(config)
    assert fell(config.output) >= 30
    assert answer(config.output) == TAUGHT_LATER
    assert answer(taught.output) == TAUGHT, "the base it stands beside is as it was"

    final = config.output / "final"
    shared = (taught.output / "final" / "model.safetensors").stat()
    assert (final / "model.safetensors").stat().st_ino == shared.st_ino, "linked, not copied"
    told = json.loads((final / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert told["base_model_name_or_path"] == config.model.base
    numbers = card(config.output)["numbers"]
    assert 0 < numbers["trained parameters"] < numbers["parameters"] / 2
    saved = checkpoints(config.output)[-1] / WEIGHTS
    assert saved.stat().st_size < 4 * numbers["trained parameters"] + 20_000, "no frozen weight"


def test_a_merged_lora_is_one_model_that_says_the_same(
    taught: TrainingConfig, later: Path, tmp_path: Path
) -> None:
    optimiser = {"learning_rate": 1e-2, "max_steps": 40}
    config = on_top(taught, tmp_path, later, method=LORA, optimiser=optimiser, merge=True)
    train(config)
    assert not (config.output / "final" / "adapter").exists()
    assert answer(config.output) == TAUGHT_LATER


def test_an_adapter_is_trained_on_from_where_it_was(
    taught: TrainingConfig, later: Path, tmp_path: Path
) -> None:
    optimiser = {"learning_rate": 1e-2, "max_steps": 30}
    first = on_top(taught, tmp_path / "first", later, method=LORA, optimiser=optimiser)
    train(first)
    second = on_top(
        first, tmp_path / "second", later, method=LORA, optimiser={**optimiser, "max_steps": 2}
    )
    train(second)
    assert losses(second.output)[0] < 1.5 * losses(first.output)[-1] + 0.05
    wrong = on_top(first, tmp_path / "third", later, method={**LORA, "rank": 4})
    with pytest.raises(ConfigError, match=r"method\.rank: the adapter .* has 16, and 4"):
        train(wrong)
    with pytest.raises(
        ConfigError, match=r"method\.kind: model\.base holds an adapter of kind lora"
    ):
        train(on_top(first, tmp_path / "4", later, method=PREFIX, data={"packing": False}))
    with pytest.raises(ConfigError, match=r"without the adapter in it"):
        train(on_top(first, tmp_path / "5", later))


@pytest.mark.parametrize("bits", [4, 8])
def test_qlora_trains_beside_quantised_weights(
    taught: TrainingConfig, later: Path, tmp_path: Path, bits: int
) -> None:
    pytest.importorskip("bitsandbytes")
    method = {"kind": "qlora", "bits": bits, "rank": 16, "dropout": 0.0}
    config = on_top(
        taught,
        tmp_path,
        later,
        method=method,
        optimiser={"learning_rate": 1e-2, "max_steps": 30},
    )
    train(config)
    assert fell(config.output) >= 5
    assert (config.output / "final" / "adapter" / "adapter_model.safetensors").is_file()


def test_gradient_checkpointing_and_padding_change_no_loss(
    taught: TrainingConfig, later: Path, tmp_path: Path
) -> None:
    """Packed or padded, kept or computed again: the same sequences, so the same curve."""
    told: list[list[float]] = []
    for name, again, packing in (("a", False, True), ("b", True, True), ("c", True, False)):
        config = on_top(
            taught,
            tmp_path / name,
            later,
            model={"gradient_checkpointing": again},
            data={"packing": packing},
            optimiser={"learning_rate": 1e-3, "max_steps": 5},
        )
        train(config)
        told.append(losses(config.output))
    assert told[1] == pytest.approx(told[0], rel=1e-4)
    assert told[2] == pytest.approx(told[0], rel=1e-4)


def test_bf16_trains_and_writes_bf16(taught: TrainingConfig, later: Path, tmp_path: Path) -> None:
    config = on_top(
        taught,
        tmp_path,
        later,
        model={"precision": "bf16"},
        optimiser={"learning_rate": 1e-3, "max_steps": 30},
    )
    train(config)
    assert fell(config.output) >= 5
    told = json.loads((config.output / "final" / "config.json").read_text("utf-8"))
    assert told["dtype"] == "bfloat16"
    assert answer(config.output) == TAUGHT_LATER


def test_fp16_is_refused_on_a_cpu(taught: TrainingConfig, later: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here, which has fp16")
    with pytest.raises(ConfigError, match=r"model\.precision: fp16 needs CUDA"):
        train(on_top(taught, tmp_path, later, model={"precision": "fp16"}))


def test_a_second_run_into_the_same_folder_is_refused(taught: TrainingConfig) -> None:
    before = (taught.output / "run_card.json").read_bytes()
    with pytest.raises(TrainingError, match=r"holds a run already; go on with it \(--resume\)"):
        train(taught)
    assert (taught.output / "run_card.json").read_bytes() == before
    assert train(taught, resume=True) == taught.output, "a finished one is left as it is"
    assert (taught.output / "run_card.json").read_bytes() == before
