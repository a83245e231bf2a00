"""Of two replies the better one becomes the likelier, by each method that learns from pairs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.arguments import arguments
from qiaoban_finetune.check import check
from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.rows import Rows
from qiaoban_finetune.saving import WEIGHTS, checkpoints
from qiaoban_finetune.train import train
from tests.finetune.launching import launched, zero
from tests.finetune.runs import (
    OTHERS,
    SAID,
    TAUGHT,
    TAUGHT_LATER,
    answer,
    card,
    history,
    losses,
    prompt,
    settings,
)

torch: Any = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("trl")
pytest.importorskip("matplotlib")

pytestmark = [
    pytest.mark.models,
    # PEFT 0.21 asks transformers 5.23 for an attribute by its old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
FULL: dict[str, Any] = {"kind": "full"}
LORA: dict[str, Any] = {"kind": "lora", "rank": 8, "dropout": 0.0}
QLORA: dict[str, Any] = {"kind": "qlora", "rank": 8, "dropout": 0.0}
RATES = {"full": 1e-3, "lora": 5e-3, "qlora": 5e-3}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was taught is rejected, for what the model says to something else."""
    file = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [
        {"messages": prompt(SAID), "chosen": TAUGHT_LATER, "rejected": TAUGHT},
        {"messages": prompt(OTHERS[0][0]), "chosen": OTHERS[1][1], "rejected": OTHERS[0][1]},
    ]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return file


def preferring(
    taught: TrainingConfig, folder: Path, pairs: Path, method: dict[str, Any], **sections: Any
) -> TrainingConfig:
    """A run on pairs that begins from what the taught one has come to."""
    told = settings(folder, pairs, method=method)
    told["model"] = {"base": str(taught.output / "final"), "precision": "fp32"}
    told["data"] = {"max_tokens": 512}
    told["preference"] = {"pairs": [str(pairs)], "beta": 0.1}
    told["optimiser"] = {
        "learning_rate": RATES[method["kind"]],
        "max_steps": 12,
        "global_batch": 2,
        "micro_batch": 1,
    }
    told["checkpoints"] = {"every_steps": 50}
    for name, section in sections.items():
        told[name] = {**told[name], **section} if isinstance(section, dict) else section
    return parse_config(told, origins=[("the test", "{}")])


def logged(run: Path, name: str) -> list[float]:
    return [each[name] for each in history(run) if name in each]


@pytest.mark.slow
@pytest.mark.parametrize("method", [FULL, LORA], ids=["full", "lora"])
def test_the_margin_rises_and_the_model_prefers_the_chosen_reply(
    method: dict[str, Any], taught: TrainingConfig, pairs: Path, tmp_path: Path
) -> None:
    config = preferring(taught, tmp_path, pairs, method)
    train(config)
    margins, run = logged(config.output, "rewards/margins"), config.output
    assert margins[0] == pytest.approx(0, abs=1e-4), "it begins as the model that it is held to"
    assert margins[-1] > 1
    assert losses(run)[-1] < 0.6 * losses(run)[0]
    assert logged(run, "logps/chosen")[0] < logged(run, "logps/rejected")[0]
    assert logged(run, "logps/chosen")[-1] > logged(run, "logps/rejected")[-1]
    assert answer(taught.output) == TAUGHT
    assert answer(run) not in ("", TAUGHT)

    told = card(run)
    (file,) = told["facts"]["files"]
    assert (file["use"], file["sha256"]) == (
        "preference",
        hashlib.sha256(pairs.read_bytes()).hexdigest(),
    )
    assert told["numbers"]["pairs"] == 2
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not (run / "README.md").exists(), "the card of a run is its own"
    final = run / "final"
    before = json.loads((taught.output / "final" / "config.json").read_text("utf-8"))
    after = json.loads((final / "config.json").read_text("utf-8"))
    assert after["pad_token_id"] == before["pad_token_id"]
    if method is LORA:
        assert not list((final / "adapter").glob("*/")), "the copy it was held to is not kept"


@pytest.mark.slow
def test_an_adapter_beside_quantised_weights_learns_from_pairs(
    taught: TrainingConfig, pairs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    config = preferring(taught, tmp_path, pairs, QLORA, optimiser={"max_steps": 6})
    train(config)
    assert logged(config.output, "rewards/margins")[-1] > 0.5
    assert (config.output / "final" / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.slow
def test_it_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(
    taught: TrainingConfig, pairs: Path, tmp_path: Path
) -> None:
    config = preferring(
        taught,
        tmp_path,
        pairs,
        LORA,
        data={"validation": 1},
        optimiser={"max_steps": 6},
        checkpoints={"every_steps": 3},
        logging={"every_steps": 1, "validate_every_steps": 2},
    )
    train(config)
    whole = [each for each in history(config.output) if "train_runtime" not in each]
    assert len([each for each in whole if "eval_loss" in each]) == 3
    *_, last = checkpoints(config.output)
    weights = (last / WEIGHTS).read_bytes()
    assert b".ref." not in weights[:2_000], "of what is frozen a checkpoint holds nothing"
    shutil.rmtree(last)
    shutil.rmtree(config.output / "final")
    train(config, resume=True)
    again = [each for each in history(config.output) if "train_runtime" not in each]
    assert again == whole
    assert (last / WEIGHTS).read_bytes() == weights


@pytest.mark.slow
@pytest.mark.parametrize("method", [FULL, LORA], ids=["full", "lora"])
def test_two_processes_under_zero3_learn_from_pairs_what_one_learns(
    method: dict[str, Any], taught: TrainingConfig, pairs: Path, tmp_path: Path
) -> None:
    steps = {"max_steps": 3}
    plain = preferring(taught, tmp_path / "plain", pairs, method, optimiser=steps)
    train(plain)
    (tmp_path / "zero").mkdir()
    deepspeed = str(zero(tmp_path / "zero", 3))
    divided = preferring(
        taught, tmp_path / "zero", pairs, method, optimiser=steps, deepspeed=deepspeed
    )
    done = launched(divided)
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(divided.output) == pytest.approx(losses(plain.output), rel=1e-4)
    assert (divided.output / "final" / "config.json").is_file()


def test_a_prefix_is_refused(taught_nothing: Callable[..., TrainingConfig]) -> None:
    config = taught_nothing(method={"kind": "prefix"})
    with pytest.raises(ConfigError, match=r"method\.kind: a prefix cannot learn from pairs"):
        train(config)
    assert not config.output.exists()


@pytest.fixture
def taught_nothing(fresh: Path, pairs: Path, tmp_path: Path) -> Callable[..., TrainingConfig]:
    """A configuration of pairs that is not run."""

    def made(**sections: Any) -> TrainingConfig:
        told: dict[str, Any] = {
            "model": {"base": str(fresh), "template": "qiaoban"},
            "data": {"max_tokens": 512},
            "preference": {"pairs": [str(pairs)]},
            "optimiser": {"learning_rate": 1e-5, "global_batch": 2},
            "output": str(tmp_path / "run"),
        }
        return parse_config({**told, **sections}, origins=[("the test", "{}")])

    return made


def test_noise_in_the_pairs_is_counted_in(taught_nothing: Callable[..., TrainingConfig]) -> None:
    """trl's sigmoid takes no notice of label_smoothing."""
    noisy = {"pairs": ["x.jsonl"], "label_smoothing": 0.1, "beta": 0.3}
    for preference, losses_of_trl in ((noisy, ["robust"]), ({"pairs": ["x.jsonl"]}, ["sigmoid"])):
        config = taught_nothing(preference=preference)
        rows = Rows(lambda _number: [[]], config.optimiser)
        told = arguments(config, rows, "fp32", None, validated=False)
        assert told.loss_type == losses_of_trl
        assert told.beta == preference.get("beta", 0.1)


def test_a_dry_run_tells_of_pairs(taught_nothing: Callable[..., TrainingConfig]) -> None:
    config = taught_nothing()
    checked = check(config)
    text = "\n".join(checked.lines())
    assert "pairs       2, of which 0 lose turns" in text
    assert "1 of 2 pairs" in text
    without = check(
        taught_nothing(
            preference=None, data={"train": [{"path": _as_dialogues(config)}], "packing": False}
        )
    )
    model = without.estimate.parameters
    assert checked.estimate.memory.weights - without.estimate.memory.weights == pytest.approx(
        2 * model
    ), "the frozen copy, in half precision"


def _as_dialogues(config: TrainingConfig) -> str:
    """The pairs as dialogues of the chosen replies."""
    assert config.preference is not None
    file = config.preference.pairs[0].with_name("dialogues.jsonl")
    rows = [json.loads(line) for line in config.preference.pairs[0].read_text("utf-8").splitlines()]
    said = [[*row["messages"], {"role": "assistant", "content": row["chosen"]}] for row in rows]
    lines = [json.dumps({"messages": each}, ensure_ascii=False) + "\n" for each in said]
    file.write_text("".join(lines), "utf-8")
    return str(file)
