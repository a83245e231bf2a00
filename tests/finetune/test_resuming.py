"""A run that is killed goes on as if it had not been; one that would be another is refused."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.checkpoints import CheckpointError
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.errors import TrainingError
from qiaoban_finetune.resuming import differences
from qiaoban_finetune.saving import WEIGHTS, checkpoints
from qiaoban_finetune.train import train
from tests.finetune.launching import in_a_process
from tests.finetune.runs import (
    EVERY,
    STEPS,
    card,
    eventful,
    losses,
    numbers,
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


def killed(config: TrainingConfig, where: str, at: int) -> None:
    """The run in a process of its own, killed with no chance to tidy up."""
    told = json.dumps(config.model_dump(mode="json"))
    done = in_a_process(["-c", KILLED, told, where, str(at)], seconds=300)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def test_killed_at_a_random_step_and_resumed_it_has_the_losses_of_one_never_killed(
    uninterrupted: Path, fresh: Path, five: Path, tmp_path: Path
) -> None:
    config = eventful(tmp_path, fresh, five)
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
    config = eventful(tmp_path, fresh, five)
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
    config = eventful(tmp_path, fresh, five)
    killed(config, "in a step", 6)
    assert not checkpoints(config.output)
    train(config, resume=True)
    assert numbers(config.output) == numbers(uninterrupted)


def test_a_result_that_could_not_be_written_is_written_by_a_resume(
    fresh: Path, five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = eventful(tmp_path, fresh, five, optimiser={"max_steps": 2})

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
    config = eventful(tmp_path, fresh, five, checkpoints={"keep": 10})
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
    other = eventful(
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
    config = eventful(tmp_path, fresh, file, optimiser={"max_steps": 1})
    train(config)
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:4]), "utf-8")
    with pytest.raises(TrainingError, match=r"files\[0\]\.sha256: \w{64} → \w{64}"):
        train(config, resume=True)


def test_what_changes_nothing_of_what_is_learnt_may_differ(
    uninterrupted: Path, fresh: Path, five: Path
) -> None:
    again = eventful(uninterrupted.parent, fresh, five, checkpoints={"keep": 1}, merge=True)
    assert train(again, resume=True) == uninterrupted


def test_there_must_be_something_to_resume(fresh: Path, five: Path, tmp_path: Path) -> None:
    config = eventful(tmp_path, fresh, five)
    with pytest.raises(TrainingError, match="holds no run to resume"):
        train(config, resume=True)
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
