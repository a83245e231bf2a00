"""A random base is made once, the same each time, and takes what its template writes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from qiaoban_finetune.config import TrainingConfig, load_config
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.scratch import ensure_base

pytestmark = pytest.mark.models
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


def tiny(*overrides: str) -> TrainingConfig:
    return load_config("tiny", overrides)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_is_the_same_wherever_it_is_made() -> None:
    ensure_base(tiny("model.base=one"))
    ensure_base(tiny("model.base=another"))
    assert contents(Path("one")) == contents(Path("another"))
    ensure_base(tiny("model.base=seeded", "optimiser.seed=7"))
    assert contents(Path("one")) != contents(Path("seeded"))


def test_it_is_made_once_and_nothing_is_left_beside_it() -> None:
    ensure_base(tiny())
    made = Path("runs/tiny-base")
    before = (made / "model.safetensors").stat().st_mtime_ns
    ensure_base(tiny("optimiser.seed=7"))
    assert (made / "model.safetensors").stat().st_mtime_ns == before
    assert [path.name for path in Path("runs").iterdir()] == ["tiny-base"]


def _made() -> None:
    ensure_base(tiny())


@pytest.mark.slow
def test_two_processes_make_one(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("fork")
    processes = [spawned.Process(target=_made) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [path.name for path in Path("runs").iterdir()] == ["tiny-base"]


def test_its_tokenizer_keeps_every_text_and_the_end_of_a_message() -> None:
    ensure_base(tiny())
    tokenizer = transformers.AutoTokenizer.from_pretrained("runs/tiny-base")
    for text in ("我很难过。", "It's  fine…", "😀\n\t龘"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
    assert tokenizer("好</s>", add_special_tokens=False)["input_ids"][-1] == tokenizer.eos_token_id
    written = tokenizer.apply_chat_template([{"role": "user", "content": "好"}], tokenize=False)
    assert written.endswith("孩子：好</s>")


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("model.template=auto", "a random model has none of its own"),
        ("model.random.vocabulary=200", "model.random.vocabulary: 200 is less than 256 bytes"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(override: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        ensure_base(tiny(override))
    assert list(Path("runs").iterdir()) == []


def test_without_a_shape_nothing_is_made() -> None:
    ensure_base(load_config("qiaoban-7b"))
    assert list(Path().iterdir()) == []
