"""Pairs of replies are read strictly, and encoded as the companion's model will read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.models.transformers.conversation import Conversation
from qiaoban_agent.models.transformers.formats import named
from qiaoban_agent.models.transformers.writing import Writer
from qiaoban_finetune.base import Base
from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.encoding import IGNORED, Encoder
from qiaoban_finetune.errors import ConfigError, DataError
from qiaoban_finetune.pairs import data_of, encoded, read_pairs

SAID: list[dict[str, str]] = [
    {"role": "system", "content": "你是巧板。"},
    {"role": "user", "content": "小猫不见了。"},
    {"role": "assistant", "content": "你很想它。"},
    {"role": "user", "content": "我好难过。"},
]
COACHED, LECTURE = "难过是很自然的。它是什么样子的？", "别哭了，要坚强。"
GOOD = {"messages": SAID, "chosen": COACHED, "rejected": LECTURE}


def written(folder: Path, *records: object) -> Path:
    file = folder / "pairs.jsonl"
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    file.write_text("".join(lines), "utf-8")
    return file


def configured(file: Path, **data: Any) -> TrainingConfig:
    told = {
        "model": {"base": "nowhere"},
        "data": {"max_tokens": 400, **data},
        "preference": {"pairs": [str(file)]},
        "optimiser": {"learning_rate": 1e-5, "global_batch": 2, "epochs": 2},
        "output": "nowhere",
    }
    return parse_config(told, origins=[("the test", "{}")])


def test_a_pair_is_one_dialogue_with_two_ends(tmp_path: Path) -> None:
    (pair,) = read_pairs(written(tmp_path, {**GOOD, "id": "cat"}))
    assert pair.chosen.messages[:-1] == pair.rejected.messages[:-1]
    assert [each.messages[-1].text for each in (pair.chosen, pair.rejected)] == [COACHED, LECTURE]
    assert pair.chosen.id == f"{tmp_path / 'pairs.jsonl'}:1 (cat)"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"chosen": " "}, "chosen: "),
        ({"rejected": COACHED}, "rejected: is the same as chosen"),
        ({"rejected": None}, "rejected: "),
        ({"worse": LECTURE}, "worse: "),
        ({"messages": SAID[:3]}, "messages: user and assistant take turns"),
        ({"messages": []}, "messages: user and assistant take turns"),
        ({"messages": [SAID[1], SAID[3]]}, "messages: user and assistant take turns"),
        ({"messages": [{"role": "child", "content": "嗯"}]}, "messages.0.role: "),
    ],
)
def test_what_is_no_pair_is_told_with_its_line_and_key(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    file = written(tmp_path, GOOD, {**GOOD, **change})
    with pytest.raises(DataError) as refused:
        list(read_pairs(file))
    assert str(refused.value).startswith(f"{file}:2 (record 2): {told}")


@pytest.mark.models
@pytest.mark.parametrize("template", ["qiaoban", "pica", "baichuan2", "chatml"])
def test_the_prompt_is_what_the_companion_gives_its_model(
    template: str, golden_tokenizers: Callable[[str], Any], tmp_path: Path
) -> None:
    tokenizer = golden_tokenizers(template)
    encoder = Encoder(tokenizer, "template" if template == "chatml" else template, 400)
    (pair,) = read_pairs(written(tmp_path, GOOD))
    row = encoded(encoder, pair)
    assert row is not None
    begin = [list(each.labels).index(_first(each.labels)) for each in row]
    prompt = Writer(tokenizer, encoder.format).ids(
        Conversation("你是巧板。", (("小猫不见了。", "你很想它。"),), "我好难过。")
    )
    for example, at, reply in zip(row, begin, (COACHED, LECTURE), strict=True):
        assert list(example.ids[:at]) == prompt
        assert example.ids[-1] == encoder.end_id
        assert list(example.labels[at:]) == list(example.ids[at:])
        assert set(example.labels[:at]) == {IGNORED}
        assert tokenizer.decode(list(example.ids[at:-1])).strip() == reply


def _first(labels: Iterable[int]) -> int:
    return next(label for label in labels if label != IGNORED)


@pytest.mark.models
def test_both_have_the_prompt_of_the_one_with_less_room(
    golden_tokenizers: Callable[[str], Any], tmp_path: Path
) -> None:
    tokenizer = golden_tokenizers("qiaoban")
    long = {**GOOD, "chosen": COACHED * 3}
    (pair,) = read_pairs(written(tmp_path, long))
    whole = encoded(Encoder(tokenizer, "qiaoban", 400), pair)
    assert whole is not None
    least = len(whole[0].ids) - 1
    assert least > len(whole[1].ids), "else both would be shortened"
    cut = encoded(Encoder(tokenizer, "qiaoban", least), pair)
    assert cut is not None
    assert [each.left_out for each in cut] == [1, 1]
    starts = [tuple(each.ids[: each.labels.index(_first(each.labels))]) for each in cut]  # type: ignore[union-attr]
    assert starts[0] == starts[1]
    assert encoded(Encoder(tokenizer, "qiaoban", 160), pair) is None


@pytest.mark.models
def test_some_are_kept_to_measure_on_and_an_epoch_has_each_of_the_others_once(
    golden_tokenizers: Callable[[str], Any], tmp_path: Path
) -> None:
    several = [{**GOOD, "chosen": COACHED + "嗯" * number} for number in range(7)]
    file = written(tmp_path, *several)
    base = Base(tmp_path, golden_tokenizers("qiaoban"), named("qiaoban"), None)
    data = data_of(configured(file, validation=2), base)
    lines = {f"{file}:{number}" for number in range(1, 8)}
    kept = {row[0].dialogue for row in data.validation}
    for epoch in (0, 1):
        learnt = [row[0].dialogue for row in data.rows.epoch(epoch)]
        assert set(learnt) == lines - kept
        assert len(learnt) == 5
    again = data_of(configured(file, validation=2), base)
    assert [row[0].dialogue for row in again.rows.epoch(1)] == learnt
    assert (data.numbers["pairs"], data.numbers["validation pairs"]) == (5, 2)
    with pytest.raises(DataError, match=r"data\.validation: 7 would keep 7 of 7 pairs"):
        data_of(configured(file, validation=7), base)
    with pytest.raises(DataError, match=r"preference\.pairs: no pair is left .* 160; raise it"):
        data_of(configured(file, max_tokens=160), base)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ({"data": {"train": [{"path": "x.jsonl"}]}}, "data.train: nothing is learnt of dialogues"),
        ({"data": {"validation": [{"path": "x.jsonl"}]}}, "data.validation: files are of dial"),
        ({"data": {"companion": "default"}}, "data.companion: pairs are learnt as they stand"),
        ({"model": {"base": "x", "random": {}}}, "model.random: a random model says nothing"),
        (
            {"preference": {"pairs": ["x"], "loss": "ipo", "label_smoothing": 0.1}},
            "preference.label_smoothing: the loss ipo has none",
        ),
    ],
)
def test_what_pairs_cannot_go_with_is_refused(override: dict[str, Any], told: str) -> None:
    plain: dict[str, Any] = {
        "model": {"base": "x"},
        "preference": {"pairs": ["x.jsonl"]},
        "optimiser": {"learning_rate": 1e-5},
        "output": "x",
    }
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        parse_config({**plain, **override}, origins=[("the test", "{}")])
