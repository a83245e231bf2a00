"""A run's configuration: what is shipped can be read, what is wrong is told with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from qiaoban_finetune.config import TrainingConfig, load_config
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.legacy import read_deepspeed
from qiaoban_finetune.sections import OptimiserConfig, Section
from qiaoban_finetune.sharding import Sharding
from qiaoban_finetune.shipped import configs_folder, find_config, shipped_configs
from qiaoban_guards.documents import read

LEAST = """\
model: {base: a-model}
data:
  train:
    - path: here.jsonl
optimiser: {learning_rate: 1e-4}
output: runs/x
"""
SHIPPED = ["pica-multitask", "pica-v1", "qiaoban-7b", "qiaoban-7b-lora", "tiny"]
DEEPSPEED = sorted((configs_folder() / "deepspeed").glob("*.json"))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(LEAST, encoding="utf-8")
    return path


def test_five_configurations_are_shipped() -> None:
    assert sorted(shipped_configs()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_configuration_is_valid_and_its_files_are_there(name: str) -> None:
    config = load_config(name)
    assert config.deepspeed is None or config.deepspeed.is_file()
    assert config.optimiser.accumulation(4 if config.deepspeed else 1) >= 1
    assert f"qiaoban_finetune {name} " in read(find_config(name)) or (
        f"qiaoban train {name}" in read(find_config(name))
    )


def test_qiaoban_keeps_its_published_numbers() -> None:
    config = load_config("qiaoban-7b")
    told = config.optimiser
    assert (told.learning_rate, told.epochs, told.global_batch) == (1e-5, 2, 64)
    assert (told.micro_batch, told.warmup_steps, config.data.max_tokens) == (2, 10, 1024)
    assert config.method.kind == "full"
    assert config.deepspeed is not None
    assert Sharding.of(read_deepspeed(config.deepspeed), 4096).stage == 2


def test_pica_keeps_its_prefix() -> None:
    method = load_config("pica-v1").method
    assert method.kind == "prefix"
    assert (method.length, method.projection) == (128, False)


@pytest.mark.parametrize("path", DEEPSPEED, ids=lambda path: path.stem)
def test_a_shipped_deepspeed_json_is_one_that_deepspeed_takes(path: Path) -> None:
    settings_of: Any = pytest.importorskip("deepspeed.runtime.config").DeepSpeedConfig

    def filled(block: dict[str, object]) -> dict[str, object]:
        return {
            key: filled(value) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]
            for key, value in block.items()
            if value != "auto"
        }

    settings = filled(read_deepspeed(path))
    settings |= {"train_batch_size": 16, "train_micro_batch_size_per_gpu": 1}
    zero = settings_of(settings | {"bf16": {"enabled": True}}).zero_config
    assert f"zero{int(zero.stage)}-" in path.name
    assert (zero.zero_hpz_partition_size > 1) == (path.stem == "zero3-2x8gpus")


def test_there_is_a_deepspeed_json_for_every_number_of_gpus() -> None:
    names = {path.stem.partition("-")[2] for path in DEEPSPEED}
    assert names == {"1gpu-offload", "4gpus", "8gpus", "2x8gpus"}


def test_every_key_is_documented() -> None:
    def models(of: type[BaseModel]) -> set[type[BaseModel]]:
        return {of}.union(*(models(sub) for sub in of.__subclasses__()))

    for model in models(Section) - {Section}:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_the_least_configuration_has_sensible_defaults(written: Path) -> None:
    config = load_config(written)
    assert config.method.kind == "full"
    assert config.data.packing
    assert config.optimiser.learning_rate == 1e-4  # YAML reads 1e-4 as text
    assert config.model.precision == "auto"


def test_files_beside_the_configuration_are_found_from_anywhere(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (written.parent / "here.jsonl").touch()
    elsewhere = written.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_config("../run.yaml").data.train[0].path.is_file()


def test_other_files_and_the_output_are_from_where_the_command_runs(written: Path) -> None:
    config = load_config(written)
    assert config.data.train[0].path == Path("here.jsonl")
    assert config.output == Path("runs/x")


def test_a_configuration_is_frozen_and_comes_back_from_json(written: Path) -> None:
    config = load_config(written, ["method={kind: lora, targets: [q_proj]}"])
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="frozen"):
        config.merge = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("line", "place", "problem"),
    [
        ("optimizer: {learning_rate: 1}", ":7:1: optimizer", "did you mean 'optimiser'"),
        ("merge: 1.5", ":7:1: merge", "valid boolean"),
        ("method: {kind: lroa}", ":7:10: method.kind", "did you mean 'lora'"),
        ("method: {kind: lora, rnak: 8}", ":7:22: method.rnak", "did you mean 'rank'"),
        ("method: {kind: prefix}", ":2:1: data.packing", "set packing: false"),
        ("method: {kind: qlora}\nmerge: true", ":8:1: merge", "take kind: lora"),
        ("output: twice", ":7:1", "stands here twice"),
    ],
)
def test_what_is_wrong_is_told_with_line_key_and_remedy(
    written: Path, line: str, place: str, problem: str
) -> None:
    written.write_text(LEAST + line + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(written)
    assert str(caught.value).startswith(f"{written}{place}")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a configuration is a mapping"),
        ("- a list", "a configuration is a mapping"),
        ("model: {base: x}", "'optimiser' is missing"),
        (LEAST.replace("    - path: here.jsonl", "    []"), "names no file"),
        ("a: [", "not valid YAML"),
    ],
)
def test_what_is_no_configuration_is_refused(written: Path, text: str, problem: str) -> None:
    written.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_config(written)


def test_an_unknown_name_is_told_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tiny'") as caught:
        load_config("tinny")
    assert all(name in str(caught.value) for name in SHIPPED)


def test_overrides_reach_every_depth_and_the_last_one_counts(written: Path) -> None:
    config = load_config(
        written,
        [
            "optimiser.learning_rate=3e-4",
            "optimiser.learning_rate=1e-5",
            "data.train.0.share=0.75",
            "data.train.1.path=more.jsonl",
            "data.validation=0.05",
            "method.kind=lora",
            "method.rank=4",
            "optimiser.betas=[0.9, 0.95]",
        ],
    )
    assert config.optimiser.learning_rate == 1e-5
    assert [(s.path.name, s.share) for s in config.data.train] == [
        ("here.jsonl", 0.75),
        ("more.jsonl", 1.0),
    ]
    assert config.data.validation == 0.05
    assert config.method.model_dump()["rank"] == 4
    assert config.optimiser.betas == (0.9, 0.95)


def test_another_kind_of_method_drops_the_keys_of_the_former(written: Path) -> None:
    written.write_text(LEAST + "method: {kind: lora, rank: 8}\n", encoding="utf-8")
    assert load_config(written, ["method.kind=full"]).method.kind == "full"
    same = load_config(written, ["method.kind=lora"]).method
    assert same.model_dump()["rank"] == 8


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("learning_rate", "write key.key=value"),
        ("=1", "write key.key=value"),
        ("optimiser.lr=1", "optimiser.lr: 'lr' is not a key here"),
        ("optimiser.epochs=-1", "optimiser.epochs: Input should be greater than 0"),
        ("data.train.5.path=x", "no place of a list of 1"),
        ("output.x=1", "'x' stands below 'runs/x'"),
        ("data.validation=1.5", "a share is less than 1; for a number of dialogues write 2"),
        ("data.validation=-1", "is a share"),
        ("merge=[", "not valid YAML"),
    ],
)
def test_a_wrong_override_is_told_as_it_was_typed(
    written: Path, override: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written, ["optimiser.epochs=2", override])
    assert str(caught.value).startswith(f"--set {override}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(("ranks", "accumulation"), [(1, 8), (2, 4), (8, 1)])
def test_the_global_batch_divides_among_gpus(ranks: int, accumulation: int) -> None:
    told = OptimiserConfig(learning_rate=1, global_batch=16, micro_batch=2)
    assert told.accumulation(ranks) == accumulation


def test_a_global_batch_that_does_not_divide_is_refused_with_one_that_does() -> None:
    told = OptimiserConfig(learning_rate=1, global_batch=16, micro_batch=2)
    with pytest.raises(ConfigError, match="2 × 3 GPUs; write 12"):
        told.accumulation(3)
