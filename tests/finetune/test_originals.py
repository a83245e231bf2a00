"""Training that begins from the original folders of Baichuan and ChatGLM2, as their scripts do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.checkpoints import convert
from qiaoban_agent.checkpoints.prefix import read_prefix
from qiaoban_agent.models.transformers import TransformersModel
from qiaoban_finetune.prefix_layout import read_adapter
from qiaoban_finetune.train import train
from tests.agent.checkpoints.test_whole import PIECES, whole
from tests.agent.checkpoints.tiny import CHATGLM2
from tests.finetune.runs import OTHERS, configured, history, losses, write_dialogues

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
PREFIX = {"kind": "prefix", "length": 6}
LORA = {"kind": "lora", "rank": 8}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIAOBAN_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)


def trained(
    folder: Path, shared: Path, kind: str, method: dict[str, Any], **sections: Any
) -> tuple[Path, Path]:
    """The folder of an original checkpoint and of a run that began from it."""
    source = whole(folder, shared, kind, PIECES + 64)
    config = json.loads((source / "config.json").read_text("utf-8"))
    length = {"chatglm2": "seq_length", "baichuan": "max_position_embeddings"}[kind]
    (source / "config.json").write_text(json.dumps({**config, length: 1024}), "utf-8")
    file = write_dialogues(folder / "three.jsonl", OTHERS)
    run = train(
        configured(
            folder,
            file,
            model={"base": str(source), "template": "auto", "random": None},
            method=method,
            data={"packing": method["kind"] != "prefix"},
            optimiser={"learning_rate": 0.3 if method == PREFIX else 1e-2, "max_steps": 15},
            **sections,
        )
    )
    return source, run


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("baichuan", {"kind": "full"}),
        ("baichuan", LORA),
        ("baichuan", PREFIX),
        ("chatglm2", {"kind": "full"}),
        ("chatglm2", LORA),
        ("chatglm2", PREFIX),
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_an_original_folder_is_trained_and_talked_with(
    tmp_path: Path, shared: Path, kind: str, method: dict[str, Any]
) -> None:
    _, run = trained(tmp_path, shared, kind, method)
    told = losses(run)
    assert sum(told[-3:]) < 0.98 * sum(told[:3])
    model = TransformersModel(str(run / "final"), max_new_tokens=4)
    assert model.generate_batch([[{"role": "user", "content": "你好"}]])[0] is not None
    form = json.loads((run / "final" / "conversion.json").read_text("utf-8"))["chat_format"]
    assert form == {"baichuan": "qiaoban", "chatglm2": "pica"}[kind]
    assert (run / "final" / "ptuning").exists() == (kind == "chatglm2" and method == PREFIX)


def test_the_prefix_of_a_chatglm2_is_one_that_picas_scripts_and_the_converter_read(
    tmp_path: Path, shared: Path
) -> None:
    source, run = trained(tmp_path, shared, "chatglm2", PREFIX)
    ptuning = run / "final" / "ptuning"
    shipped, sizes = read_adapter(run / "final" / "adapter")
    assert read_prefix(ptuning, CHATGLM2).shape == (6, sizes.width)
    convert(source, tmp_path / "pica", prefix=ptuning)
    again, _ = read_adapter(tmp_path / "pica" / "adapter")
    assert torch.equal(again, shipped)


def test_picas_own_prefix_is_trained_on_from_what_it_computes(tmp_path: Path, shared: Path) -> None:
    source, run = trained(tmp_path, shared, "chatglm2", PREFIX)
    convert(source, tmp_path / "pica", prefix=run / "final" / "ptuning")
    shipped = first_loss(tmp_path / "a", run / "final", tmp_path / "three.jsonl")
    converted = first_loss(tmp_path / "b", tmp_path / "pica", tmp_path / "three.jsonl")
    fresh = first_loss(tmp_path / "c", source, tmp_path / "three.jsonl")
    assert converted == pytest.approx(shipped, rel=1e-6)
    assert abs(fresh - converted) > 1e-3, "a new prefix is another one"


def first_loss(folder: Path, base: Path, file: Path) -> float:
    """The validation loss after a step that changes nothing."""
    config = configured(
        folder,
        file,
        model={"base": str(base), "template": "auto", "random": None},
        method=PREFIX,
        data={"packing": False, "validation": [{"path": str(file)}]},
        optimiser={"learning_rate": 1e-9, "max_steps": 1},
    )
    (told,) = [each["eval_loss"] for each in history(train(config)) if "eval_loss" in each]
    return float(told)
