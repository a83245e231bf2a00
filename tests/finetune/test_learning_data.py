"""What a run learns from, epoch by epoch: the mixture's dialogues, and nothing that is measured."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.models.transformers.formats import ChatFormat
from qiaoban_finetune.base import Base, open_base
from qiaoban_finetune.config import TrainingConfig, load_config, parse_config
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import read, write
from qiaoban_finetune.learning_data import LearningData, learning_data
from qiaoban_finetune.mixture import Mixture, Source
from tests.agent.models import tiny
from tests.finetune import tokens_of

pytestmark = pytest.mark.models
pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("pyarrow")

SIZES = {"own": 24, "general": 40}


def base() -> Base:
    tokenizer = tokens_of.byte_tokenizer(tiny.CHATML)
    told = ChatFormat("template", tokenizer.get_chat_template())
    return Base(Path(), tokenizer, told, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each name with so many dialogues, `NAME-NUMBER`, of different lengths."""
    place = tmp_path_factory.mktemp("data")
    for name, size in SIZES.items():
        dialogues = (
            Dialogue(
                f"{name}-{n}", (Message("user", "hi"), Message("assistant", "ho" * (n % 7 + 1)))
            )
            for n in range(size)
        )
        write(dialogues, place / f"{name}.jsonl", "openai")
    return place


def run_on(folder: Path, output: Path, **sections: dict[str, Any]) -> TrainingConfig:
    train = [
        {"path": str(folder / "own.jsonl")},
        {"path": str(folder / "general.jsonl"), "share": 0.25},
    ]
    data = {"train": train, "max_tokens": 80, "packing": True, **sections.get("data", {})}
    optimiser = {
        "learning_rate": 1e-3,
        "epochs": 3,
        "global_batch": 2,
        "micro_batch": 2,
        **sections.get("optimiser", {}),
    }
    told = {"model": {"base": "b"}, "data": data, "optimiser": optimiser, "output": str(output)}
    return parse_config(told, origins=[("the test", "{}")])


def names(data: LearningData, epoch: int) -> Counter[str]:
    return Counter(one.dialogue for row in data.rows.epoch(epoch) for one in row)


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
def test_each_epoch_learns_what_the_mixture_draws_for_it(
    folder: Path, tmp_path: Path, packing: bool
) -> None:
    config = run_on(folder, tmp_path, data={"packing": packing})
    data = learning_data(config, base())
    mixture = Mixture([Source(s.path, share=s.share) for s in config.data.train], 42)
    for epoch in range(4):
        assert names(data, epoch) == Counter(said.id for said in mixture.epoch(epoch))
    assert names(data, 0) != names(data, 1)
    assert names(data, 0).keys() & names(data, 1).keys() == {f"own-{n}" for n in range(24)}
    assert data.numbers["dialogues"] == 30


def test_no_more_of_a_large_source_is_encoded_than_the_run_comes_to(
    folder: Path, tmp_path: Path
) -> None:
    learning_data(run_on(folder, tmp_path, optimiser={"epochs": 1}), base())
    lines = sorted(len(file.read_bytes()) for file in tmp_path.glob("tokens/*/examples.arrow"))
    whole = run_on(folder, tmp_path / "whole", data={"train": [{"path": str(folder)}]})
    learning_data(whole, base())
    (everything,) = (tmp_path / "whole").glob("tokens/*/examples.arrow")
    assert len(lines) == 2
    assert sum(lines) < 0.75 * len(everything.read_bytes()) + 4096  # 36 of 64 dialogues


@pytest.mark.parametrize("optimiser", [{"max_steps": 60}, {"global_batch": 64, "epochs": 2}])
def test_a_run_of_many_epochs_reads_on_and_begins_a_source_again(
    folder: Path, tmp_path: Path, optimiser: dict[str, Any]
) -> None:
    data = learning_data(run_on(folder, tmp_path, optimiser=optimiser), base())
    rows = [data.rows[place] for place in range(len(data.rows))]
    drawn = Counter(one.dialogue for row in rows for one in row)
    general = [drawn[f"general-{number}"] for number in range(40)]
    assert min(general) >= 1
    assert max(general) <= min(general) + 1 + (optimiser.get("epochs") is not None)


def test_a_row_of_a_later_epoch_is_found_again_without_those_before_it(
    folder: Path, tmp_path: Path
) -> None:
    config = run_on(folder, tmp_path)
    whole = learning_data(config, base()).rows
    expected = [[one.dialogue for one in whole[at]] for at in range(len(whole))]
    for at in (0, len(whole) // 2, len(whole) - 1):
        again = learning_data(config, base()).rows
        assert [one.dialogue for one in again[at]] == expected[at]


@pytest.mark.parametrize("asked", [6, 0.2])
def test_what_is_measured_on_is_never_learnt(folder: Path, tmp_path: Path, asked: float) -> None:
    data = learning_data(run_on(folder, tmp_path, data={"validation": asked}), base())
    kept = {one.dialogue for row in data.validation for one in row}
    assert len(kept) == 6
    assert data.numbers["validation dialogues"] == 6
    assert data.numbers["dialogues"] == 24
    assert len({name.partition("-")[0] for name in kept}) == 2, "of both sources"
    for epoch in range(4):
        assert not kept & names(data, epoch).keys()


def test_files_of_their_own_are_measured_on_whole(folder: Path, tmp_path: Path) -> None:
    apart = [{"path": str(folder / "general.jsonl")}]
    data = learning_data(run_on(folder, tmp_path, data={"validation": apart}), base())
    assert {one.dialogue for row in data.validation for one in row} == {
        f"general-{number}" for number in range(40)
    }
    assert data.numbers["validation dialogues"] == 40


def test_nothing_left_to_learn_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.validation: 30 would keep 30 of 30 dialogues"):
        learning_data(run_on(folder, tmp_path, data={"validation": 30}), base())
    long = Dialogue("l", (Message("user", "hi"), Message("assistant", "ho" * 60)))
    write([long], tmp_path / "long.jsonl", "openai")
    data = {"train": [{"path": str(tmp_path / "long.jsonl")}], "max_tokens": 32}
    config = run_on(folder, tmp_path, data=data)
    with pytest.raises(DataError, match=r"last turn of each is longer than data\.max_tokens 32"):
        learning_data(config, base())


def test_numbers_are_of_the_first_epoch(folder: Path, tmp_path: Path) -> None:
    data = learning_data(run_on(folder, tmp_path, data={"validation": 3}), base())
    rows = list(data.rows.epoch(0))
    tokens = [len(one.ids) for row in rows for one in row]
    assert data.numbers["tokens of an epoch"] == sum(tokens)
    assert data.numbers["longest sequence"] == max(tokens)
    assert data.numbers["sequences of an epoch"] == 2 * len(rows)
    assert data.numbers["learnt tokens of an epoch"] == sum(
        int(label) >= 0 for row in rows for one in row for label in one.labels
    )


SHIPPED = ("qiaoban-7b", "qiaoban-7b-lora", "pica-multitask", "pica-v1")
"""Those for real models; `tiny` has 22 dialogues, which are one row or two."""


@pytest.fixture(scope="module")
def counselling(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    """A run on every fifth dialogue of CPsyCounD, with a tokenizer learnt from them.

    It makes dialogues about as long as Baichuan's does; the golden one, of 1,400 pieces, makes
    them longer than twice that.
    """
    folder = tmp_path_factory.mktemp("counselling")
    dialogues = read(shared / "data/cpsycound_dialogues.jsonl", turns="merge")
    some = (one for number, one in enumerate(dialogues) if number % 5 == 0)
    write(some, folder / "some.jsonl", "openai")
    shape = {"vocabulary": 6000, "layers": 1, "width": 8, "heads": 2, "inner_width": 8}
    model = {"base": str(folder / "base"), "template": "qiaoban", "random": shape}
    told: dict[str, Any] = run_on(folder, folder / "run").model_dump(mode="json")
    told["model"] = model
    told["data"]["train"] = [{"path": str(folder / "some.jsonl")}]
    told["data"]["max_tokens"] = 1024
    return parse_config(told, origins=[("the test", "{}")])


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_less_than_a_hundredth_is_wasted_with_the_shipped_configurations(
    counselling: TrainingConfig, name: str
) -> None:
    """Of what is computed where dialogues are padded; of a row's room where they are packed."""
    (source,) = counselling.data.train
    given = [f"data.train=[{{path: {source.path}}}]", f"output={counselling.output}"]
    config = load_config(name, [*given, "data.validation=0"])
    data = learning_data(config, open_base(counselling))
    micro, rows = data.rows.micro_batch, data.rows.epoch(0)
    batches = [data.collate(rows[at : at + micro]) for at in range(0, len(rows), micro)]
    computed = sum(batch["input_ids"].numel() for batch in batches)
    counting = data.numbers["tokens of an epoch"]
    if not config.data.packing:
        assert 0 <= 1 - counting / computed < 0.01
        return
    assert counting == computed, "nothing is padded"
    room = len(rows) * config.data.max_tokens * config.optimiser.micro_batch
    assert 0 <= 1 - counting / room < 0.01


def test_what_is_held_in_memory_is_some_numbers_a_dialogue(tmp_path: Path) -> None:
    """Not the tokens, which stay in their file."""
    said = (Message("user", "hi" * 90), Message("assistant", "ho" * 90))
    write((Dialogue(f"{n}", said) for n in range(2_000)), tmp_path / "a.jsonl", "openai")
    data = {"train": [{"path": str(tmp_path / "a.jsonl")}], "max_tokens": 1024}
    config = run_on(tmp_path, tmp_path, data=data)
    learning_data(config, base())  # encodes
    tracemalloc.start()
    found = learning_data(config, base())
    first = found.rows[0]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tokens = found.numbers["tokens of an epoch"]
    assert len(first) > 2
    assert tokens > 400_000
    assert held < 600_000, "8 bytes a token would be more than 3 million"
