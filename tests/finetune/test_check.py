"""The dry run tells what training does: the same data, steps and sizes, without a weight read."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.check import Check, check
from qiaoban_finetune.config import TrainingConfig, load_config
from qiaoban_finetune.errors import ConfigError, DataError
from qiaoban_finetune.hardware import Hardware
from qiaoban_finetune.shipped import configs_folder

pytestmark = pytest.mark.models
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


def tiny(*overrides: str) -> TrainingConfig:
    """The shipped one with its dialogues as they stand: playing them takes seconds."""
    return load_config("tiny", ["data.companion=null", *overrides])


def told(checked: Check) -> dict[str, str]:
    lines = [line.strip() for line in checked.lines()]
    return {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in lines}


def test_the_shipped_dialogues_are_counted() -> None:
    checked = check(load_config("tiny"))
    records = (configs_folder() / "data" / "coached.jsonl").read_text(encoding="utf-8")
    assert len(records.splitlines()) == 22
    assert checked.numbers["dialogues"] == records.count('"assistant"'), "each behind its prompt"
    assert checked.numbers["dialogues left out as too long"] == 0
    assert checked.padding == 0
    steps = -(-checked.workload.sequences // 2) * 50
    assert checked.estimate.steps == steps
    lines = told(checked)
    assert lines["steps"].startswith(f"{steps} of 2 sequences: 1 at a time × 2 × 1 GPUs")
    assert lines["together"].endswith("fits")
    assert lines["parameters"].startswith(f"{checked.estimate.parameters:,}, of which")


@pytest.mark.slow
def test_padding_is_what_the_collator_really_fills_in() -> None:
    from qiaoban_finetune.base import open_base
    from qiaoban_finetune.learning_data import learning_data

    config = tiny("data.packing=false", "optimiser.micro_batch=4", "optimiser.global_batch=4")
    checked = check(config)
    data = learning_data(config, open_base(config))
    starts = [*range(0, checked.workload.sequences, 4), checked.workload.sequences]
    batches = [data.collate([data.rows[n] for n in range(a, b)]) for a, b in pairwise(starts)]
    filled = sum(batch["attention_mask"].numel() for batch in batches)
    real = sum(int(batch["attention_mask"].sum()) for batch in batches)
    assert checked.workload.tokens == filled
    assert checked.padding == pytest.approx(1 - real / filled)
    assert 0 < checked.padding < 0.2
    assert checked.workload.longest >= max(b["attention_mask"].numel() for b in batches)


def test_the_tokens_of_a_packed_epoch_are_those_that_are_learnt_from() -> None:
    padded, packed = check(tiny("data.packing=false")), check(tiny())
    assert padded.numbers["tokens of an epoch"] == packed.numbers["tokens of an epoch"]
    assert packed.workload.tokens == packed.numbers["tokens of an epoch"] < padded.workload.tokens
    assert packed.workload.attended == padded.workload.attended


@pytest.mark.parametrize(
    ("layout", "template", "tokenizer"),
    [("baichuan7b", "qiaoban", "baichuan_tokenizer"), ("chatglm2", "pica", "chatglm2_tokenizer")],
)
def test_an_original_checkpoint_needs_no_weights(
    shared: Path, layout: str, template: str, tokenizer: str
) -> None:
    folder = Path("original")
    shutil.copytree(shared / "golden" / tokenizer, folder)
    config = json.loads((shared / "golden" / layout / "config.json").read_text(encoding="utf-8"))
    size = "padded_vocab_size" if layout == "chatglm2" else "vocab_size"
    (folder / "config.json").write_text(json.dumps(config | {size: 1500}), encoding="utf-8")
    data = shared / "data" / "qiaoban_child_chat_20.json"
    overrides = [
        f"model={{base: {folder}}}",
        f"data.train=[{{path: {data}, turns: merge}}]",
        "data.max_tokens=1024",
    ]
    checked = check(tiny(*overrides))
    assert checked.numbers["dialogues"] == 20
    assert checked.estimate.parameters > 1500
    asked = check(tiny(*overrides, f"model.template={template}"))
    assert asked.numbers == checked.numbers
    assert not list(folder.glob("*.bin")) + list(folder.glob("*.safetensors"))


def test_more_gpus_take_less_time_each_and_the_remedy_is_told_where_it_does_not_fit() -> None:
    big: dict[str, Any] = {"layers": 32, "width": 4096, "heads": 32, "inner_width": 11008}
    config = tiny()
    assert config.model.random is not None
    check(config)  # the small one is there; the large one is only told of
    large = config.model.model_copy(update={"random": config.model.random.model_copy(update=big)})
    checked = check(config.model_copy(update={"model": large}), Hardware("rtx-4090-24g"))
    assert not checked.estimate.fits
    assert "does not fit; set model.gradient_checkpointing: true" in told(checked)["together"]


def test_deepspeed_with_a_method_that_it_does_not_run_is_refused() -> None:
    zero3 = configs_folder() / "deepspeed" / "zero3-4gpus.json"
    config = tiny("method={kind: prefix}", "data.packing=false", f"deepspeed={zero3}")
    with pytest.raises(ConfigError, match="ZeRO-3"):
        check(config)


def test_bad_data_is_refused_as_training_refuses_it() -> None:
    Path("empty.jsonl").touch()
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        check(tiny("data.train=[{path: empty.jsonl}]"))
