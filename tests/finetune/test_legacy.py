"""QiaoBan's own files of a run still run, and what means something else now is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune import legacy_command
from qiaoban_finetune.config import TrainingConfig, load_config
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.legacy import Translated, modern_deepspeed, translate

# The keys and values of QiaoBan's run_config/config.json.
SETTINGS: dict[str, Any] = {
    "model_type": "",
    "model_name_or_path": "base_model",
    "data_path": "data/panda_chat.json",
    "output_dir": "checkpoints/qiaoban_chat",
    "batch_size": 64,
    "per_device_train_batch_size": 2,
    "num_epochs": 2,
    "learning_rate": 1e-5,
    "cutoff_len": 1024,
    "val_set_size": 0,
    "val_set_rate": 0,
    "save_steps": 3000,
    "eval_steps": 1000,
    "warmup_steps": 10,
    "logging_steps": 10,
}
# The keys of its DeepSpeed JSON.
DEEPSPEED: dict[str, Any] = {
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "optimizer": {
        "type": "Adam",
        "params": {"lr": "auto", "betas": [0.9, 0.999], "eps": "auto", "weight_decay": "auto"},
    },
    "scheduler": {
        "type": "WarmupLR",
        "params": {
            "warmup_min_lr": "auto",
            "warmup_max_lr": "auto",
            "warmup_num_steps": "auto",
        },
    },
    "fp16": {"enabled": True, "min_loss_scale": 1, "opt_level": "O2"},
    "zero_optimization": {
        "stage": 2,
        "allgather_partitions": True,
        "allgather_bucket_size": 5e8,
        "contiguous_gradients": True,
    },
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def written(data: Any, name: str = "config.json") -> Path:
    path = Path(name)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def translated(changes: dict[str, Any] | None = None, **named: Any) -> Translated:
    return translate(written(SETTINGS | (changes or {})), **named)


def test_every_published_value_arrives() -> None:
    config = translated(deepspeed=written(DEEPSPEED, "ds.json"), ranks=4).config
    told = config.optimiser
    assert (told.learning_rate, told.epochs, told.warmup_steps) == (1e-5, 2, 10)
    assert (told.global_batch, told.micro_batch) == (64, 2)
    assert told.schedule == "constant"  # WarmupLR never falls
    assert (config.data.max_tokens, config.data.validation, config.data.packing) == (1024, 0, False)
    assert [str(source.path) for source in config.data.train] == ["data/panda_chat.json"]
    assert (config.model.base, config.model.template) == ("base_model", "qiaoban")
    assert (config.checkpoints.every_steps, config.checkpoints.keep) == (3000, 3)
    assert (config.logging.every_steps, config.logging.validate_every_steps) == (10, 1000)
    assert config.output == Path("checkpoints/qiaoban_chat")
    assert config.method.kind == "full"
    assert config.deepspeed == Path("ds.json")


def test_the_shipped_configuration_is_the_same_run() -> None:
    old = translated(deepspeed=written(DEEPSPEED, "ds.json"), ranks=4).config
    new = load_config("qiaoban-7b")
    for key in ("learning_rate", "epochs", "global_batch", "micro_batch", "warmup_steps"):
        assert getattr(new.optimiser, key) == getattr(old.optimiser, key)
    assert new.optimiser.schedule == old.optimiser.schedule
    assert new.data.max_tokens == old.data.max_tokens


def test_without_deepspeed_the_rate_falls_as_transformers_had_it() -> None:
    assert translated().config.optimiser.schedule == "linear"


@pytest.mark.parametrize(
    ("changes", "ranks", "batch"),
    [
        ({}, 1, 64),
        ({}, 3, 60),  # 32 micro-batches // 3 GPUs = 10
        ({"batch_size": 1}, 4, 8),
        ({"gradient_accumulation_steps": 4}, 2, 8),
    ],
)
def test_a_step_has_as_many_sequences_as_the_original_made_it(
    changes: dict[str, Any], ranks: int, batch: int
) -> None:
    told = translated(changes, ranks=ranks)
    assert told.config.optimiser.global_batch == batch
    assert told.config.optimiser.accumulation(ranks) == batch // 2 // ranks
    asked = (SETTINGS | changes)["batch_size"]
    assert (batch != asked) == any(f"a step has {batch}" in notice for notice in told.notices)


@pytest.mark.parametrize(
    ("size", "rate", "validation"), [(0, 0.5, 0), (100, 0, 100), (100, 0.1, 0.1)]
)
def test_what_was_kept_for_validation_is_kept(size: int, rate: float, validation: float) -> None:
    told = translated({"val_set_size": size, "val_set_rate": rate})
    assert told.config.data.validation == validation
    assert (size > 0 < rate) == any("val_set_rate" in notice for notice in told.notices)


def test_lora_is_in_eight_bits_alone_and_unquantised_under_deepspeed() -> None:
    lora = written({"lora_r": 8, "lora_alpha": 16, "lora_dropout": 0.05}, "lora.json")
    alone = translated(lora=lora, use_lora=True).config.method.model_dump()
    assert alone == {
        "kind": "qlora",
        "bits": 8,
        "rank": 8,
        "alpha": 16,
        "dropout": 0.05,
        "targets": "auto",
    }
    told = translated(lora=lora, use_lora=True, deepspeed=written(DEEPSPEED, "ds.json"))
    assert told.config.method.kind == "lora"
    assert any("under DeepSpeed" in notice for notice in told.notices)


def test_targets_that_matched_nothing_become_every_linear_layer() -> None:
    lora = written({"lora_r": 8, "lora_target_modules": ["q_proj"]}, "lora.json")
    llama = translated({"model_type": "Llama"}, lora=lora, use_lora=True)
    other = translated({"model_type": "Baichuan"}, lora=lora, use_lora=True)
    assert llama.config.method.model_dump()["targets"] == ("q_proj",)
    assert other.config.method.model_dump()["targets"] == "auto"
    assert any("query_key_value matched none" in notice for notice in other.notices)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"lerning_rate": 1}, "config.json: lerning_rate: is not a key here, did you mean"),
        ({"batch_size": "64"}, "config.json: batch_size: '64' is no number of sequences"),
        ({"learning_rate": -1}, "config.json"),
        ({"gradient_accumulation_steps": "a"}, "gradient_accumulation_steps: 'a' is no number"),
    ],
)
def test_a_wrong_setting_is_refused_by_file_and_key(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        translated(changes)
    assert error in str(caught.value)


def test_missing_files_and_keys_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json: cannot be read"):
        translate(Path("nowhere.json"))
    Path("broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid JSON"):
        translate(Path("broken.json"))
    with pytest.raises(ConfigError, match="'cutoff_len' is missing"):
        translate(written({k: v for k, v in SETTINGS.items() if k != "cutoff_len"}))
    with pytest.raises(ConfigError, match="is an object of keys"):
        translate(written([1]))


def test_the_old_deepspeed_json_loses_what_is_refused_today() -> None:
    new, notices = modern_deepspeed(DEEPSPEED)
    assert new["fp16"] == {"enabled": "auto", "min_loss_scale": 1}
    assert new["bf16"] == {"enabled": "auto"}
    assert "optimizer" not in new
    assert "scheduler" not in new
    assert new["zero_optimization"] == DEEPSPEED["zero_optimization"]
    assert len(notices) == 4
    assert DEEPSPEED["fp16"]["opt_level"] == "O2"  # the given one stays as it was


def test_deepspeed_takes_the_translated_json() -> None:
    settings_of: Any = pytest.importorskip("deepspeed.runtime.config").DeepSpeedConfig

    new, _ = modern_deepspeed(DEEPSPEED)
    filled = {key: value for key, value in new.items() if value != "auto"}
    filled |= {"train_batch_size": 4, "bf16": {"enabled": True}, "fp16": {"enabled": False}}
    assert settings_of(filled).zero_config.stage == 2


def test_a_modern_json_stays_as_it_is_and_an_offloaded_optimiser_stays() -> None:
    shipped = load_config("qiaoban-7b").deepspeed
    assert shipped is not None
    data = json.loads(shipped.read_text(encoding="utf-8"))
    assert modern_deepspeed(data) == (data, ())
    offload = data | {
        "optimizer": {"type": "AdamW"},
        "zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}},
    }
    assert modern_deepspeed(offload) == (offload, ())


class Runs:
    """Stands in for training: notes what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[TrainingConfig, bool]] = []

    def __call__(self, config: TrainingConfig, *, resume: bool) -> None:
        self.given.append((config, resume))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    noted = Runs()
    monkeypatch.setattr(legacy_command, "_train", noted)
    return noted


def test_the_old_command_line_starts_the_run(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, deepspeed = written(SETTINGS), written(DEEPSPEED, "ds.json")
    legacy_command.main(
        f"--model_config_file {settings} --deepspeed {deepspeed} --local_rank 0 "
        "--resume_from_checkpoint --lora_hyperparams_file=".split()
    )
    [(config, resume)] = runs.given
    assert resume
    made = Path("checkpoints/qiaoban_chat/deepspeed.json")
    assert config.deepspeed == made
    assert "opt_level" not in made.read_text(encoding="utf-8")
    told = capsys.readouterr().err.splitlines()
    assert all(line.startswith("note: ") for line in told)
    assert any("fp16 is bf16" in line for line in told)


def test_the_gpus_of_a_launcher_are_counted_and_one_of_them_talks(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "1")
    legacy_command.main(["--model_config_file", str(written(SETTINGS))])
    assert runs.given[0][0].optimiser.global_batch == 60
    assert capsys.readouterr().err == ""


def test_what_cannot_be_used_ends_with_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        legacy_command.main(["--model_config_file", "nowhere.json"])
    assert caught.value.code == 2
    assert "nowhere.json: cannot be read" in capsys.readouterr().err
