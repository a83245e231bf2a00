"""A run that is killed goes on as if it had not been; one that would be another is refused."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.checkpoints import CheckpointError
from qiaoban_finetune import saving
from qiaoban_finetune import trainer as trainer_module
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.errors import DataError, TrainingError
from qiaoban_finetune.resuming import differences
from qiaoban_finetune.saving import WEIGHTS, checkpoints
from qiaoban_finetune.train import train
from tests.finetune.launching import in_a_process
from tests.finetune.runs import (
    OTHERS,
    card,
    configured,
    history,
    losses,
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

STEPS, EVERY = 14, 4
KILLED = """
import json, os, signal, sys
import torch
torch.set_num_threads(1)
from qiaoban_finetune import rows, saving, train
from qiaoban_finetune.config import parse_config
told, where, at = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def killing(real):
    count = [0]
    def called(*given):
        count[0] += 1
        if count[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    return called

if where == "in a step":
    rows.Rows.__getitem__ = killing(rows.Rows.__getitem__)
else:
    saving.settle = killing(saving.settle)
train.train(parse_config(told, origins=[("the test", "{}")]))
"""


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def run_in(folder: Path, base: Path, file: Path, /, **sections: Any) -> TrainingConfig:
    """A run with chance in it (dropout), epochs that end within a step, and checkpoints."""
    told: dict[str, Any] = {
        "model": {"base": str(base), "random": None},
        "method": {"kind": "lora", "rank": 4, "dropout": 0.2},
        "data": {"packing": False, "validation": 1},
        "optimiser": {"max_steps": STEPS},
        "checkpoints": {"every_steps": EVERY, "keep": 2},
        "logging": {"every_steps": 1, "validate_every_steps": 5},
    }
    for name, section in sections.items():
        told[name] = {**told.get(name, {}), **section} if isinstance(section, dict) else section
    return configured(folder, file, **told)


@pytest.fixture(scope="module")
def uninterrupted(fresh: Path, five: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(run_in(tmp_path_factory.mktemp("whole"), fresh, five))


def killed(config: TrainingConfig, where: str, at: int) -> None:
    """The run in a process of its own, killed with no chance to tidy up."""
    told = json.dumps(config.model_dump(mode="json"))
    done = in_a_process(["-c", KILLED, told, where, str(at)], seconds=300)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def numbers(run: Path) -> list[dict[str, Any]]:
    """Everything that was logged step by step; how long it took is not of interest."""
    return [each for each in history(run) if "train_runtime" not in each]


def test_killed_at_a_random_step_and_resumed_it_has_the_losses_of_one_never_killed(
    uninterrupted: Path, fresh: Path, five: Path, tmp_path: Path
) -> None:
    config = run_in(tmp_path, fresh, five)
    # a step reads four rows: within it, after the first checkpoint and before the end
    killed(config, "in a step", random.Random(1).randrange(4 * EVERY + 2, 4 * STEPS))
    begun = checkpoints(config.output)
    assert begun
    assert card(config.output)["state"] == "running"
    train(config, resume=True)
    assert numbers(config.output) == numbers(uninterrupted)
    assert len([each for each in numbers(uninterrupted) if "loss" in each]) == STEPS
    ours = (checkpoints(config.output)[-1] / WEIGHTS).read_bytes()
    assert ours == (checkpoints(uninterrupted)[-1] / WEIGHTS).read_bytes()
    told = card(config.output)
    assert told["state"] == "finished"
    assert told["resumed"] == [begun[-1].name]


def test_killed_while_it_saves_it_goes_on_from_the_checkpoint_before(
    uninterrupted: Path, fresh: Path, five: Path, tmp_path: Path
) -> None:
    config = run_in(tmp_path, fresh, five)
    # a checkpoint is settled, and then the folder it was put into: the third call is the second's
    killed(config, "while it saves", 3)
    folder = config.output / "checkpoints"
    assert sorted(each.name for each in folder.iterdir()) == [
        ".checkpoint-8.part",
        "checkpoint-4",
    ]
    train(config, resume=True)
    assert numbers(config.output) == numbers(uninterrupted)
    assert [each.name for each in checkpoints(config.output)] == ["checkpoint-12", "checkpoint-14"]
    assert not list(folder.glob(".*"))


def test_killed_before_the_first_checkpoint_it_begins_again(
    uninterrupted: Path, fresh: Path, five: Path, tmp_path: Path
) -> None:
    config = run_in(tmp_path, fresh, five)
    killed(config, "in a step", 6)
    assert not checkpoints(config.output)
    train(config, resume=True)
    assert numbers(config.output) == numbers(uninterrupted)


def test_a_result_that_could_not_be_written_is_written_by_a_resume(
    fresh: Path, five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = run_in(tmp_path, fresh, five, optimiser={"max_steps": 2})

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.link", full)
        patched.setattr("shutil.copy2", full)
        with pytest.raises(CheckpointError, match="final cannot be written: No space left"):
            train(config)
    assert not list((config.output).glob("*final*"))
    assert card(config.output)["state"].startswith("stopped: CheckpointError")
    train(config, resume=True)
    assert (config.output / "final" / "adapter" / "adapter_model.safetensors").is_file()
    assert len(losses(config.output)) == 2


def test_it_can_go_on_from_a_checkpoint_that_is_named(
    uninterrupted: Path, fresh: Path, five: Path, tmp_path: Path
) -> None:
    config = run_in(tmp_path, fresh, five, checkpoints={"keep": 10})
    train(config)
    named = config.output / "checkpoints" / "checkpoint-4"
    train(config, resume=named)
    assert numbers(config.output) == numbers(uninterrupted)
    with pytest.raises(TrainingError, match=r"is no checkpoint; see .*checkpoints"):
        train(config, resume=tmp_path)


def test_a_resume_as_something_else_is_refused_with_every_difference(
    uninterrupted: Path, fresh: Path, five: Path, tmp_path: Path
) -> None:
    before = (uninterrupted / "run_card.json").read_bytes()
    other = run_in(
        uninterrupted.parent,
        fresh,
        five,
        optimiser={"learning_rate": 1e-4},
        method={"rank": 8},
        data={"max_tokens": 400},
    )
    with pytest.raises(TrainingError) as refused:
        train(other, resume=True)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith(f"{uninterrupted} was begun as something else")
    assert lines[1:] == [
        "  data.max_tokens: 512 → 400",
        "  method.rank: 4 → 8",
        "  optimiser.learning_rate: 0.003 → 0.0001",
    ]
    assert (uninterrupted / "run_card.json").read_bytes() == before


def test_a_resume_on_other_data_of_the_same_name_is_refused(
    fresh: Path, five: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_bytes(five.read_bytes())
    config = run_in(tmp_path, fresh, file, optimiser={"max_steps": 1})
    train(config)
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:4]), "utf-8")
    with pytest.raises(TrainingError, match=r"files\[0\]\.sha256: \w{64} → \w{64}"):
        train(config, resume=True)


def test_what_changes_nothing_of_what_is_learnt_may_differ(
    uninterrupted: Path, fresh: Path, five: Path
) -> None:
    again = run_in(uninterrupted.parent, fresh, five, checkpoints={"keep": 1}, merge=True)
    assert train(again, resume=True) == uninterrupted


def test_there_must_be_something_to_resume(fresh: Path, five: Path, tmp_path: Path) -> None:
    config = run_in(tmp_path, fresh, five)
    with pytest.raises(TrainingError, match="holds no run to resume"):
        train(config, resume=True)
    assert not (config.output / "run_card.json").exists()


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
    config = run_in(tmp_path, fresh, five)
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
    config = run_in(
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
    config = run_in(tmp_path, fresh, five, optimiser={"max_steps": 6})
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
    config = run_in(tmp_path, fresh, file)
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        train(config)
    file.write_text('{"messages": [{"role": "user", "content": "我好难过"}]}\n', "utf-8")
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        train(config)
    assert not (config.output / "run_card.json").exists()


def test_differences_are_told_key_by_key() -> None:
    old = {"a": {"b": 1, "c": [1, {"d": "x"}]}, "gone": True}
    new = {"a": {"b": 2, "c": [1, {"d": "y"}]}, "new": None}
    assert list(differences(old, new)) == [
        "a.b: 1 → 2",
        "a.c[1].d: x → y",
        "gone: true → (absent)",
        "new: (absent) → null",
    ]
    assert not list(differences(old, json.loads(json.dumps(old))))
