"""Encoded examples are made once, found again only for the same thing, and whole or not there."""

from __future__ import annotations

import gc
import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.encoding import IGNORED, Encoder
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.token_cache import digests, encoded
from qiaoban_finetune.tokens import EXAMPLES, FACTS, Tokens
from tests.agent.models import tiny
from tests.finetune import tokens_of

pytestmark = pytest.mark.models
pytest.importorskip("transformers")
pytest.importorskip("pyarrow")

LIMIT = 140


def encoder(max_tokens: int = LIMIT, template: str = tiny.CHATML) -> Encoder:
    return Encoder(tokens_of.byte_tokenizer(template), "template", max_tokens)


def dialogues(count: int = 1200) -> Iterator[Dialogue]:
    """Every seventh is shortened, every hundredth too long."""
    for number in range(count):
        said = [Message("user", f"问{number}"), Message("assistant", "答" * (number % 5 + 1))]
        if number % 7 == 0:
            said = [Message("user", "旧" * 20), Message("assistant", "话" * 20), *said]
        if number % 100 == 99:
            said.append(Message("assistant", "长" * LIMIT))
        yield Dialogue(f"d{number}", tuple(said))


def nothing() -> Iterator[Dialogue]:
    raise AssertionError("what is cached is not read again")
    yield


def test_examples_are_read_back_as_they_were_encoded(tmp_path: Path) -> None:
    made = encoded(dialogues(), encoder(), folder=tmp_path, data={"n": 1})
    alike = encoder()
    expected = [example for said in dialogues() for example in alike.examples(said)]
    assert len(made) == len(expected) == 1188
    for found, example in zip(made, expected, strict=True):
        assert tuple(found.ids) == example.ids
        assert tuple(found.labels) == example.labels
        assert (found.dialogue, found.left_out) == (example.dialogue, example.left_out)
    assert made.lengths.tolist() == [len(example.ids) for example in expected]
    assert made[-1].dialogue == made[len(made) - 1].dialogue == "d1198"
    assert [example.dialogue for example in made[510:515]] == [
        e.dialogue for e in expected[510:515]
    ]
    with pytest.raises(IndexError):
        made[1188]


def test_what_was_encoded_is_told(tmp_path: Path) -> None:
    made = encoded(dialogues(), encoder(), folder=tmp_path, data={})
    assert made.facts.dialogues == 1200
    assert made.facts.examples == 1188
    assert made.facts.tokens == int(made.lengths.sum())
    assert made.facts.learnt == sum(
        int(label) != IGNORED for example in made for label in example.labels
    )
    assert made.facts.shortened == sum(example.left_out > 0 for example in made) > 100
    assert made.facts.too_long == 12
    assert made.facts.too_long_ids[:2] == ("d99", "d199")


def test_the_same_is_not_encoded_again(tmp_path: Path) -> None:
    first = encoded(dialogues(20), encoder(), folder=tmp_path, data={"n": 1})
    again = encoded(nothing(), encoder(), folder=tmp_path, data={"n": 1})
    assert [tuple(example.ids) for example in again] == [tuple(example.ids) for example in first]


def test_a_tokenizer_that_was_used_to_pad_is_still_the_same(tmp_path: Path) -> None:
    encoded(dialogues(20), encoder(), folder=tmp_path, data={})
    used = encoder()
    used.tokenizer.pad_token = used.tokenizer.eos_token
    used.tokenizer(["a", "bcd"], padding=True, truncation=True, max_length=2)
    encoded(nothing(), used, folder=tmp_path, data={})


def other_vocabulary() -> Encoder:
    tokenizer = tokens_of.with_tokens(
        tokens_of.byte_tokenizer(tiny.CHATML), ("<|more|>",), tiny.CHATML
    )
    return Encoder(tokenizer, "template", LIMIT)


@pytest.mark.parametrize(
    ("other", "data"),
    [
        (encoder, {"n": 2}),
        (lambda: encoder(LIMIT + 1), {"n": 1}),
        (lambda: encoder(template=tokens_of.THINKS), {"n": 1}),
        (other_vocabulary, {"n": 1}),
    ],
    ids=["data", "limit", "template", "vocabulary"],
)
def test_anything_else_is_encoded_anew(tmp_path: Path, other: Any, data: dict[str, Any]) -> None:
    encoded(dialogues(20), encoder(), folder=tmp_path, data={"n": 1})
    made = encoded(dialogues(30), other(), folder=tmp_path, data=data)
    assert made.facts.dialogues == 30


def test_digests_are_of_what_the_files_hold(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("one")
    first = digests([file])
    assert digests([file]) == first
    file.write_text("two")
    assert digests([file]) != first
    with pytest.raises(DataError, match=r"absent\.jsonl cannot be read"):
        digests([tmp_path / "absent.jsonl"])


def test_a_dialogue_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = [*dialogues(5), Dialogue("x:6", (Message("user", "a"),))]
    with pytest.raises(DataError, match="x:6"):
        encoded(broken, encoder(), folder=tmp_path, data={})
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    assert encoded(dialogues(5), encoder(), folder=tmp_path, data={}).facts.dialogues == 5


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    made = encoded(dialogues(5), encoder(), folder=tmp_path, data={})
    left = tmp_path / f".{made.folder.name}.x7.part"
    made.folder.rename(left)
    (left / FACTS).unlink()
    assert encoded(dialogues(5), encoder(), folder=tmp_path, data={}).facts.dialogues == 5
    assert not left.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"encoded examples cannot be kept in .*file"):
        encoded(dialogues(5), encoder(), folder=tmp_path / "file", data={})


@pytest.mark.parametrize("damaged", [EXAMPLES, FACTS])
def test_damage_is_told_with_the_remedy(tmp_path: Path, damaged: str) -> None:
    made = encoded(dialogues(50), encoder(), folder=tmp_path, data={})
    folder = made.folder
    del made
    gc.collect()
    whole = (folder / damaged).read_bytes()
    (folder / damaged).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"is damaged.*remove it, and it is made again"):
        Tokens(folder)


def test_datasets_opens_the_file_too(tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets")
    made = encoded(dialogues(20), encoder(), folder=tmp_path, data={})
    opened = datasets.Dataset.from_file(str(made.folder / EXAMPLES))
    assert opened[7]["ids"] == list(made[7].ids)
    assert opened[7]["dialogue"] == "d7"


def test_another_process_may_be_handed_the_examples(tmp_path: Path) -> None:
    made = encoded(dialogues(20), encoder(), folder=tmp_path, data={})
    sent = pickle.dumps(made)
    assert len(sent) < 1000
    assert [tuple(example.ids) for example in pickle.loads(sent)] == [tuple(e.ids) for e in made]


def test_no_dialogues_make_no_examples(tmp_path: Path) -> None:
    made = encoded([], encoder(), folder=tmp_path, data={})
    assert len(made) == len(made.lengths) == 0


@pytest.mark.slow
def test_two_processes_encode_as_one_does(tmp_path: Path) -> None:
    alone = encoded(dialogues(), encoder(), folder=tmp_path / "1", data={})
    together = encoded(dialogues(), encoder(), folder=tmp_path / "2", data={}, processes=2)
    assert together.facts == alone.facts
    assert (together.folder / EXAMPLES).read_bytes() == (alone.folder / EXAMPLES).read_bytes()


def _counting(folder: Path, name: str) -> Iterator[Dialogue]:
    (folder / f"began-{name}").touch()
    yield from dialogues(400)


def _race(folder: Path, name: str, start: Any, told: Any) -> None:
    mine = encoder()
    start.wait(60)
    made = encoded(_counting(folder, name), mine, folder=folder / "cache", data={})
    told.put((len(made), int(made.lengths.sum())))


@pytest.mark.slow
def test_processes_that_want_the_same_at_once_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(2), context.Queue()
    racers = [
        context.Process(target=_race, args=(tmp_path, name, start, told)) for name in ("a", "b")
    ]
    for racer in racers:
        racer.start()
    found = [told.get(timeout=90) for _ in racers]
    for racer in racers:
        racer.join(30)
    assert found[0] == found[1]
    assert len(list(tmp_path.glob("began-*"))) == 1
