"""Automatic metrics are right for Chinese, and an unknown answer is wrong."""

from __future__ import annotations

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.errors import ConfigError, DataError
from qiaoban_finetune.evaluate.metrics.classification import classified
from qiaoban_finetune.evaluate.metrics.diversity import distinct
from qiaoban_finetune.evaluate.metrics.file import measure_file
from qiaoban_finetune.evaluate.metrics.overlap import bleu4, rouge_l
from qiaoban_finetune.evaluate.metrics.tokens import tokens
from tests.finetune.evaluate.files import lines


def test_every_han_character_is_a_token_and_other_words_stay_whole() -> None:
    assert tokens("我的iPhone15坏了，ＯＫ吗？") == [
        "我", "的", "iphone15", "坏", "了", "ok", "吗",
    ]  # fmt: skip
    assert tokens("𠮷野家") == ["𠮷", "野", "家"]
    assert tokens("…！？") == []


def test_jieba_cuts_words() -> None:
    pytest.importorskip("jieba")
    assert tokens("我喜欢打篮球！", "jieba") == ["我", "喜欢", "打篮球"]


def test_rouge_is_one_for_the_same_chinese_and_small_for_a_shared_abbreviation() -> None:
    """The usual tokenizer drops Han characters: 0 for the same, 1 for a shared “BPD”."""
    assert rouge_l("我今天很难过", ["我今天很难过"]) == 1.0
    assert rouge_l("BPD让我很累", ["他们说BPD没事"]) < 0.3
    assert rouge_l("天气真好", ["我不想写作业"]) == 0.0


def test_rouge_is_the_f1_of_the_longest_common_subsequence() -> None:
    # 我 很 难 过: 4 in common of 5 and 6 tokens
    assert rouge_l("我真很难过", ["我今天很难过"]) == pytest.approx(2 * 4 / (5 + 6))
    assert rouge_l("我真很难过", ["别的", "我真很难过"]) == 1.0
    assert rouge_l("", ["我"]) == 0.0


def test_bleu_counts_characters_up_to_four_and_says_how() -> None:
    pytest.importorskip("sacrebleu")
    same = bleu4(["我今天很难过啊"], [["我今天很难过啊"]])
    assert same.score == pytest.approx(100.0)
    assert "tok:zh" in same.signature
    assert bleu4(["我今天很难过啊"], [["你昨天不高兴吗"]]).score < 20
    # 6 of 7 characters, 4 of 6 pairs, 3 of 5 triples, 2 of 4 fours
    near = bleu4(["我今天真难过啊"], [["我今天很难过啊"]])
    assert near.score == pytest.approx(
        100 * math.exp((math.log(6 / 7) + math.log(4 / 6) + math.log(2 / 5) + math.log(1 / 8)) / 4),
        rel=0.02,
    )


def test_bleu_over_jieba_words_is_marked_as_such() -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("jieba")
    found = bleu4(["我喜欢打篮球和看书"], [["我喜欢打篮球和看书", "别的"]], "jieba")
    assert found.score == pytest.approx(100.0)
    assert found.signature.endswith("|cut:jieba")


def test_distinct_counts_different_n_grams_over_all_replies() -> None:
    assert distinct(["我在听", "我在听"], 1) == 0.5
    assert distinct(["我在听", "我不听"], 2) == 1.0
    assert distinct(["我"], 2) is None


def test_an_unknown_answer_is_wrong_and_no_class_of_its_own() -> None:
    pytest.importorskip("sklearn")
    truth = ["喜", "喜", "怒", "怒"]
    found = classified(truth, ["喜", "不好说", "怒", "喜怒"])
    # each label: one hit, one miss, nothing wrongly taken: F1 = 2/3; three classes would say 4/9
    assert found.macro_f1 == pytest.approx(2 / 3)
    assert (found.unknown, found.accuracy) == (2, 0.5)
    assert set(found.f1) == {"喜", "怒"}


def test_labels_are_compared_without_blanks_and_case_and_only_those_that_occur_count() -> None:
    pytest.importorskip("sklearn")
    found = classified(["Joy", "Joy"], [" joy", "ANGER"], ["joy", "anger", "fear"])
    assert found.f1 == {"joy": pytest.approx(2 / 3)}
    assert found.unknown == 0
    with pytest.raises(ValueError, match="give one for each"):
        classified([], [])


def test_a_file_may_hold_replies_and_labels(tmp_path: Path) -> None:
    for package in ("sacrebleu", "sklearn"):
        pytest.importorskip(package)
    rows: list[dict[str, Any]] = [
        {"id": 1, "reply": "你一定很难过", "references": ["你一定很难过"]},
        {"id": 2, "reply": "你一定很难过"},
        {"id": 3, "task": "txt_clf", "label": "sad", "answer": "sad"},
        {"id": 4, "task": "dia_clf", "label": "sad", "answer": "?"},
    ]
    found = measure_file(lines(tmp_path / "m.jsonl", rows))
    assert (found.replies, found.with_references, found.rouge_l) == (2, 1, 1.0)
    assert found.distinct_1 == 0.5
    assert {task: one.macro_f1 for task, one in found.classified.items()} == {
        "txt_clf": 1.0,
        "dia_clf": 0.0,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": 1, "reply": 3}', ":1: reply: "),
        ('\n{"id": 1, "label": "a"}', ":2: task: "),
        ("nonsense", ":1: not JSON"),
        ("", ": holds nothing to measure"),
        (json.dumps([1]), ":1: "),
    ],
)
def test_a_file_that_cannot_be_measured_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        measure_file(file)
    assert str(error.value).startswith(str(file) + told)


@pytest.mark.models
@pytest.mark.slow
def test_perplexity_is_the_models_own_and_windows_do_not_change_what_is_counted(
    tmp_path: Path,
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from qiaoban_finetune.evaluate.metrics.perplexity import perplexity

    torch.set_num_threads(1)
    folder = _tiny(tmp_path / "tiny")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    net = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    texts = ["我很难过", "我很难过我很难过我很难过"]
    nats, counted = 0.0, 0
    for text in texts:
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]])
        with torch.no_grad():
            nats += float(net(ids, labels=ids).loss) * (ids.shape[1] - 1)
        counted += ids.shape[1] - 1
    found = perplexity(texts, str(folder))
    assert found.tokens == counted == perplexity(texts, str(folder), window=4).tokens
    assert found.value == pytest.approx(math.exp(nats / counted), rel=1e-5)
    assert found.bits_a_character == pytest.approx(nats / math.log(2) / 16, rel=1e-5)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        perplexity(texts, str(tmp_path / "nothing"))


def _tiny(folder: Path) -> Path:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    transformers: Any = import_module("transformers")

    words = {word: place for place, word in enumerate(["<s>", "<unk>", *"我很难过"])}
    plain = Tokenizer(WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = Split("", "isolated")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", unk_token="<unk>"
    )
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder
