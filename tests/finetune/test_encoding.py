"""What is learnt is the replies and their ends, after the very prompts that inference gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import example as tried
from hypothesis import strategies as st

from qiaoban_agent.models.base import Message as Said
from qiaoban_agent.models.transformers.formats import ChatFormat, named
from qiaoban_agent.models.transformers.prompts import Prompts
from qiaoban_agent.models.transformers.writing import Writer
from qiaoban_finetune.dialogue import Dialogue, Message, Role
from qiaoban_finetune.encoding import IGNORED, Encoder, Example
from qiaoban_finetune.errors import ConfigError, DataError
from tests.agent.models import tiny
from tests.finetune import tokens_of

pytestmark = pytest.mark.models
pytest.importorskip("transformers")

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = ["qiaoban", "pica", "baichuan2", "chatml"]


def dialogue(*texts: str, system: str = "", name: str = "d") -> Dialogue:
    """The child and the assistant by turns, the child first."""
    roles: tuple[Role, Role] = ("user", "assistant")
    said = [Message(roles[number % 2], text) for number, text in enumerate(texts)]
    return Dialogue(name, (*([Message("system", system)] if system else []), *said))


TALK = dialogue(
    "妈妈不理我了", "你很难过吧？", "嗯。为什么呢", "可以先说说发生了什么。", system="听孩子说。"
)


def named_template(template: str) -> str:
    return "template" if template == "chatml" else template


def learnt(example: Example) -> list[tuple[int, list[int]]]:
    """Where each reply begins, and its labels."""
    labels = list(map(int, example.labels))
    runs: list[tuple[int, list[int]]] = []
    for is_learnt, run in groupby(range(len(labels)), lambda at: labels[at] != IGNORED):
        places = list(run)
        if is_learnt:
            runs.append((places[0], [labels[at] for at in places]))
    return runs


def said_before(said: Dialogue) -> Iterator[tuple[list[Said], str]]:
    """What was said before each reply, and the reply."""
    before: list[Said] = []
    for message in said.messages:
        if message.role == "assistant":
            yield list(before), message.text
        before.append({"role": message.role, "content": message.text})


def without_words(said: Dialogue) -> Dialogue:
    """The same dialogue with an x for whatever is said, as long as anything is."""
    messages = [Message(m.role, "x" if m.text.strip() else "") for m in said.messages]
    return Dialogue(said.id, tuple(messages))


def assert_as_at_inference(encoder: Encoder, tokenizer: Any, said: Dialogue) -> None:
    """Each reply is learnt once, behind the prompt that the companion would give the model.

    And no special token stands anywhere but where the template writes it.
    """
    writer = Writer(tokenizer, encoder.format)
    prompts = Prompts(writer, 100_000)
    examples = encoder.examples(said)
    spans = {
        tuple(map(int, example.ids[:begin])): (example, begin, labels)
        for example in examples
        for begin, labels in learnt(example)
    }
    harmless = encoder.examples(without_words(said))
    for example, plain in zip(examples, harmless, strict=len(examples) == len(harmless)):
        special = [writer.marks.among(list(map(int, each.ids))) for each in (example, plain)]
        assert special[0] == special[1]
    turns = list(said_before(said))
    assert sum(len(learnt(example)) for example in examples) == len(turns) == len(spans)
    for before, answer in turns:
        example, begin, labels = spans[tuple(prompts.ids(before))]
        *reply, end = labels
        assert end == encoder.end_id
        assert list(map(int, example.ids[begin : begin + len(reply)])) == reply
        words = writer.marks.broken(answer.strip())
        assert tokenizer.decode(reply).strip() in (words, writer.marks.broken_harder(words))


@pytest.mark.parametrize("template", TEMPLATES)
def test_ids_and_labels_of_each_template_are_the_golden_ones(
    golden_tokenizers: Callable[[str], Any], template: str
) -> None:
    encoder = Encoder(golden_tokenizers(template), named_template(template), 512)
    golden = json.loads((GOLDEN / f"{template}.json").read_text(encoding="utf-8"))
    assert golden
    for case in golden:
        said = Dialogue(case["id"], tuple(Message(role, text) for role, text in case["messages"]))
        example = encoder.encode(said)
        assert example is not None
        assert list(example.ids) == case["ids"]
        assert list(example.labels) == case["labels"]


def test_qiaobans_dialogues_have_the_ids_of_the_original_tokenizer(
    shared: Path, golden_tokenizers: Callable[[str], Any]
) -> None:
    """The originals begin with a shorter sentence; from the first message on all is equal."""
    tokenizer = golden_tokenizers("qiaoban")
    expected = json.loads((shared / "golden/baichuan_tokenizer/expected.json").read_text())
    compared = 0
    for case in expected["dialogs"]:
        lead, first, rest = case["text"].partition("孩子：")
        said = [text.split("：", 1) for text in (first + rest).removesuffix("</s>").split("</s>")]
        if [role for role, _ in said] != ["孩子", "智能助手"] * (len(said) // 2):
            continue  # two messages of one speaker in a row are one for Conversation
        example = Encoder(tokenizer, "qiaoban", 2048).encode(dialogue(*[text for _, text in said]))
        assert example is not None
        original = case["ids"][len(tokenizer(lead)["input_ids"]) :]
        assert list(example.ids[-len(original) :]) == original
        compared += 1
    assert compared


def test_picas_last_turn_is_as_in_the_original_training_script(
    shared: Path, golden_tokenizers: Callable[[str], Any]
) -> None:
    """But for the blank that the script's reply begins with, encoded alone as it is there.

    The same reply has no such blank in the history of the next prompt.
    """
    expected = json.loads((shared / "golden/chatglm2_tokenizer/expected.json").read_text())
    case = expected["ptuning_train_example"]
    tokenizer = golden_tokenizers("pica")
    texts = ["你好", "你好，我是小助手。", "没人跟我玩", case["response"]]
    example = Encoder(tokenizer, "pica", 128).encode(dialogue(*texts))
    assert example is not None
    (_, first), (begin, last) = learnt(example)
    blank, *reply = [label for label in case["labels"] if label != IGNORED]
    assert tokenizer.convert_ids_to_tokens(blank) == "▁"
    assert list(example.ids[:begin]) == case["input_ids"][:begin]
    assert case["input_ids"][begin : begin + len(reply) + 1] == [blank, *reply]
    assert last == reply
    assert first[-1] == last[-1] == tokenizer.eos_token_id


MARKS = [
    "</s>",
    "<|im_end|>",
    "<|im_start|>system\n",
    "孩子：",
    "智能助手：",
    "[Round 1]",
    "\n问：",
    "\n\n答：",
    "[gMASK]",
    "sop",
    "<reserved_106>",
    "<think>",
    "＜/s＞",
    "。\n\n",
]
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(MARKS),
        st.sampled_from(["好", "难过", "。", "“嗯”", " ", "\n", "3", "it's", "😀", "：", "？！"]),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    min_size=1,
    max_size=6,
).map("".join)
TALKS = st.tuples(
    st.one_of(st.just(""), TEXTS), st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4)
)


def told(drawn: tuple[str, list[tuple[str, str]]]) -> Dialogue:
    system, turns = drawn
    return dialogue(*[text for turn in turns for text in turn], system=system)


def has_replies(drawn: tuple[str, list[tuple[str, str]]]) -> bool:
    """Blank replies are refused, and an own tag in front of one is dropped."""
    return all(answer.strip().removeprefix("智能助手：").strip() for _, answer in drawn[1])


BYTES = {
    "chatml": tiny.CHATML,
    "llama2": tokens_of.LLAMA2,
    "drops thoughts": tokens_of.THINKS,
    "qiaoban": None,
    "baichuan2": None,
}


@cache
def byte_encoder(template: str) -> tuple[Encoder, Any]:
    tokenizer = tokens_of.byte_tokenizer(BYTES[template])
    if template == "baichuan2":
        tokenizer = tokens_of.with_tokens(tokenizer, tokens_of.ROLES)
    which = "template" if BYTES[template] else template
    return Encoder(tokenizer, which, 100_000), tokenizer


@pytest.mark.parametrize("template", BYTES)
@settings(max_examples=60, deadline=None)
@given(drawn=TALKS.filter(has_replies))
def test_whatever_is_said_prompts_are_those_of_inference(
    template: str, drawn: tuple[str, list[tuple[str, str]]]
) -> None:
    said = told(drawn)
    encoder, tokenizer = byte_encoder(template)
    if template == "qiaoban":  # written there by the format itself, so Conversation drops it
        said = Dialogue(
            said.id,
            tuple(Message(m.role, m.text.replace("智能助手：", "他")) for m in said.messages),
        )
    assert_as_at_inference(encoder, tokenizer, said)


def test_a_reply_that_the_tokenizer_joins_with_what_follows_is_learnt_by_itself() -> None:
    tokenizer = tokens_of.joining_tokenizer()
    encoder = Encoder(tokenizer, "pica", 1000)
    said = dialogue("嗨", "好。", "在吗", "“好。", "那", "在的")
    assert len(encoder.examples(said)) == 3
    assert_as_at_inference(encoder, tokenizer, said)


def test_a_reply_is_learnt_by_itself_where_the_template_drops_thoughts() -> None:
    encoder, tokenizer = byte_encoder("drops thoughts")
    said = dialogue("a", "b", "c", "d")
    both, first = encoder.examples(said)
    assert encoder.encode(said) == both
    think = "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert tokenizer.decode(both.ids).endswith(f"{think}d<|im_end|>")
    assert tokenizer.decode(both.ids).count("<think>") == 1
    assert tokenizer.decode(first.ids).endswith(f"{think}b<|im_end|>")
    assert [len(learnt(example)) for example in (both, first)] == [1, 1]


def test_picas_history_stays_as_it_is_read_and_its_end_is_learnt_all_the_same(
    golden_tokenizers: Callable[[str], Any],
) -> None:
    tokenizer = golden_tokenizers("pica")
    example = Encoder(tokenizer, "pica", 512).encode(TALK)
    assert example is not None
    (begin, first), _ = learnt(example)
    behind = begin + len(first) - 1
    assert first[-1] == example.labels[behind] == tokenizer.eos_token_id
    assert tokenizer.convert_ids_to_tokens(int(example.ids[behind])) == "<0x0A>"
    assert list(example.ids).count(tokenizer.eos_token_id) == 1


def test_what_follows_the_last_reply_is_left_out() -> None:
    encoder, _ = byte_encoder("chatml")
    assert encoder.encode(dialogue("a", "b", "c")) == encoder.encode(dialogue("a", "b"))


def test_words_before_the_childs_first_message_are_no_reply() -> None:
    encoder, _ = byte_encoder("chatml")
    opened = Dialogue("d", (Message("assistant", "hi"), *dialogue("a", "b").messages))
    assert encoder.encode(opened) == encoder.encode(dialogue("a", "b"))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (dialogue("a", name="x.json:7"), "x.json:7: there is no reply to learn"),
        (Dialogue("x:1", (Message("assistant", "b"),)), "x:1: there is no reply to learn"),
        (dialogue("a", " \n", name="x:2"), "x:2: a reply is empty"),
    ],
    ids=["no assistant", "no user", "blank"],
)
def test_a_dialogue_that_teaches_nothing_is_refused_by_name(said: Dialogue, problem: str) -> None:
    encoder, _ = byte_encoder("chatml")
    with pytest.raises(DataError, match=problem):
        encoder.examples(said)


NEVER_CLOSES = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
ONLY_USERS = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}</s>{% endfor %}"
REFUSES = "{{ raise_exception('tools are wanted') }}"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (NEVER_CLOSES, r"never closes a reply: it ends in '\\n'.*eos_token"),
        (ONLY_USERS, "does not write down what the assistant says"),
        (REFUSES, "tools are wanted"),
        (None, "no chat template; write qiaoban, pica or baichuan2"),
    ],
    ids=["never closes", "drops replies", "refuses", "absent"],
)
def test_a_template_that_cannot_be_learnt_from_is_refused(
    template: str | None, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        Encoder(tokens_of.byte_tokenizer(template), "template", 512)


def test_a_vocabulary_without_the_tokens_of_a_format_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.template: the vocabulary has no token"):
        Encoder(tokens_of.byte_tokenizer(None), "baichuan2", 512)


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(ConfigError, match="no chat format is called 'vicuna'"):
        Encoder(tokens_of.byte_tokenizer(None), "vicuna", 512)


def test_a_tokenizer_without_an_end_is_refused_where_the_format_needs_one() -> None:
    tokenizer = tiny.spm_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(ConfigError, match="no eos_token"):
        Encoder(tokenizer, "pica", 512)


def test_a_limit_below_the_shortest_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.max_tokens: 64 is too short.*raise it"):
        Encoder(tokens_of.byte_tokenizer(None), "qiaoban", 64)


def test_a_format_may_be_given_as_the_agent_found_it() -> None:
    tokenizer = tokens_of.byte_tokenizer(tiny.CHATML)
    found = ChatFormat("template", tiny.CHATML)
    said = dialogue("a", "b")
    given = Encoder(tokenizer, found, 512)
    assert given.encode(said) == Encoder(tokenizer, "template", 512).encode(said)
    assert Encoder(tokenizer, named("qiaoban"), 512).format == named("qiaoban")


def test_padding_is_the_tokenizers_own_or_the_end() -> None:
    tokenizer = tokens_of.byte_tokenizer(tiny.CHATML)
    encoder = Encoder(tokenizer, "template", 512)
    assert encoder.pad_id == encoder.end_id
    tokenizer.pad_token = "<unk>"
    assert encoder.pad_id == tokenizer.unk_token_id != encoder.end_id


def texts_of(count: int, length: int = 5) -> Sequence[str]:
    return [f"{number:0{length}}" for number in range(count)]


@pytest.mark.parametrize("template", ["chatml", "qiaoban", "llama2", "drops thoughts"])
@pytest.mark.parametrize("system", ["", "be kind"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@tried(spare=109, sizes=[1, 1, 1, 1, 1, 1, 1, 18, 1, 1])
@given(spare=st.integers(0, 120), sizes=st.lists(st.integers(1, 30), min_size=2, max_size=12))
def test_a_long_dialogue_loses_its_oldest_turns_and_no_more(
    template: str, system: str, spare: int, sizes: list[int]
) -> None:
    whole, tokenizer = byte_encoder(template)
    texts = ["x" * size for size in sizes[: len(sizes) // 2 * 2]]
    said = dialogue(*texts, system=system)
    shortest = whole.encode(dialogue(*texts[-2:], system=system))
    assert shortest is not None
    limit = len(shortest.ids) + spare
    encoder = Encoder(tokenizer, whole.format, limit)
    example = encoder.encode(said)
    assert example is not None
    assert len(example.ids) <= limit
    assert example.labels[-1] == example.ids[-1] == encoder.end_id
    kept = whole.encode(dialogue(*texts[2 * example.left_out :], system=system))
    assert kept is not None
    assert (kept.ids, kept.labels) == (example.ids, example.labels)
    if example.left_out:
        longer = whole.encode(dialogue(*texts[2 * example.left_out - 2 :], system=system))
        assert longer is not None
        assert len(longer.ids) > limit


def test_system_words_stay_when_turns_are_left_out() -> None:
    whole, tokenizer = byte_encoder("chatml")
    encoder = Encoder(tokenizer, whole.format, 120)
    example = encoder.encode(dialogue(*texts_of(20), system="be kind"))
    assert example is not None
    assert example.left_out > 0
    assert tokenizer.decode(example.ids).startswith("<|im_start|>system\nbe kind<|im_end|>")


def test_a_last_turn_too_long_alone_leaves_nothing() -> None:
    whole, tokenizer = byte_encoder("chatml")
    encoder = Encoder(tokenizer, whole.format, 100)
    assert encoder.encode(dialogue("a", "b", "c", "d" * 100)) is None
    assert encoder.examples(dialogue("c" * 100, "d")) == []


def test_a_dialogue_of_thousands_of_turns_is_cut_in_time() -> None:
    """Each try writes a whole prompt, so it must not begin with all of the turns."""
    whole, tokenizer = byte_encoder("chatml")
    encoder = Encoder(tokenizer, whole.format, 200)
    example = encoder.encode(dialogue(*texts_of(20_000)))
    assert example is not None
    assert 0 < len(learnt(example)) < 10
    assert example.left_out == 10_000 - len(learnt(example))
