"""A run stops rather than lose what it has or learn nonsense, and says what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune import saving
from qiaoban_finetune import trainer as trainer_module
from qiaoban_finetune.errors import DataError, TrainingError
from qiaoban_finetune.train import train
from tests.finetune.runs import (
    OTHERS,
    card,
    eventful,
    numbers,
    write_dialogues,
)

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
pytest.importorskip("peft")
pytest.importorskip("accelerate")
pytest.importorskip("matplotlib")

pytestmark = [
    pytest.mark.models,
    pytest.mark.slow,
    # PEFT 0.21 asks transformers 5.23 for an attribute by its old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From the second checkpoint on no file can be longer than a few bytes."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    saved: list[int] = []
    real = saving.save_trained

    def save(folder: Path, model: Any) -> None:
        saved.append(1)
        if len(saved) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
        real(folder, model)

    monkeypatch.setattr("qiaoban_finetune.trainer.save_trained", save)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_stops_the_run_and_leaves_the_checkpoint_before(
    uninterrupted: Path,
    fresh: Path,
    five: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    config = eventful(tmp_path, fresh, five)
    with pytest.raises(TrainingError) as stopped:
        train(config)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)  # there is room again
    assert "checkpoint 8 cannot be written" in str(stopped.value)
    assert f"{config.output / 'checkpoints' / 'checkpoint-4'} is whole" in str(stopped.value)
    assert "File too large" in str(stopped.value)
    assert [each.name for each in (config.output / "checkpoints").iterdir()] == ["checkpoint-4"]
    monkeypatch.undo()
    train(config, resume=True)
    assert numbers(config.output) == numbers(uninterrupted)


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_dialogue(
    fresh: Path, tmp_path: Path
) -> None:
    """One token's embedding is not a number, and one dialogue has the token."""
    model = transformers.AutoModelForCausalLM.from_pretrained(fresh)
    tokenizer = transformers.AutoTokenizer.from_pretrained(fresh)
    (token,) = {*tokenizer("~")["input_ids"]}
    with torch.no_grad():
        model.get_input_embeddings().weight[token] = float("nan")
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "poisoned")
    pairs = [*OTHERS, ("我好难过~", "听起来你很难过。发生了什么？")]
    file = write_dialogues(tmp_path / "four.jsonl", pairs)
    config = eventful(
        tmp_path,
        tmp_path / "poisoned",
        file,
        data={"validation": 0},
        optimiser={"micro_batch": 1, "global_batch": 1},
        method={"dropout": 0.0},
    )
    with pytest.raises(TrainingError) as stopped:
        train(config)
    assert "the loss is not finite, in the batch of " in str(stopped.value)
    (named,) = [each["messages"][1]["content"] for each in _rows(file) if "~" in str(each)]
    assert named == "我好难过~"
    assert "four.jsonl:4" in str(stopped.value) or "four.jsonl#4" in str(stopped.value)
    assert "four.jsonl:1" not in str(stopped.value)
    assert card(config.output)["state"].startswith("stopped: TrainingError: step ")
    assert not (config.output / "final").exists()


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _spoilt(slope: Any) -> Any:
    return slope * float("nan")


def test_a_gradient_that_is_no_number_stops_the_run_before_a_weight_changes(
    fresh: Path, five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is finite still: the batch of that step is named, not of the next."""
    config = eventful(tmp_path, fresh, five, optimiser={"max_steps": 6})
    made: list[Any] = []
    real = trainer_module.trainer

    def caught(*given: Any) -> Any:
        made.append(real(*given))
        weight = next(each for each in made[0].model.parameters() if each.requires_grad)
        weight.register_hook(_spoilt)
        return made[0]

    monkeypatch.setattr("qiaoban_finetune.train.trainer", caught)
    with pytest.raises(TrainingError, match=r"step 1; .*: the gradient is not finite"):
        train(config)
    assert all(bool(each.isfinite().all()) for each in made[0].model.parameters())


def test_data_that_cannot_be_used_stops_before_a_run_is_begun(fresh: Path, tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_text("")
    config = eventful(tmp_path, fresh, file)
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        train(config)
    file.write_text('{"messages": [{"role": "user", "content": "我好难过"}]}\n', "utf-8")
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        train(config)
    assert not (config.output / "run_card.json").exists()
