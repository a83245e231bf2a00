"""Conversations are written as each checkpoint wants them, and nobody's words become a mark."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.errors import ModelError
from qiaoban_agent.models.base import Message
from qiaoban_agent.models.transformers.conversation import Conversation
from qiaoban_agent.models.transformers.formats import ChatFormat, format_of, named, template_of
from qiaoban_agent.models.transformers.writing import Writer
from tests.agent.models import tiny

pytestmark = pytest.mark.models

OWN = re.findall("own = '(.*?)'", template_of("qiaoban"))[0]
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '<s>[INST] ' + m['content'] | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] | trim + ' </s>' }}{% endif %}{% endfor %}"
)
DROPS_SYSTEM = (
    "{% for m in messages if m['role'] != 'system' %}<|im_start|>{{ m['role'] }}\n"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
PLAIN = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\n\n' }}"
    "{% elif m['role'] == 'user' %}{{ 'USER: ' + m['content'] + '\n' }}"
    "{% else %}{{ 'ASSISTANT: ' + m['content'] + '\n' }}{% endif %}{% endfor %}ASSISTANT:"
)
COUNTS = (  # depends on how many messages there are, so it has no pieces
    "{{ messages | length }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>assistant\n"
)
TEMPLATES = {
    "chatml": tiny.CHATML,
    "llama2": LLAMA2,
    "drops the system words": DROPS_SYSTEM,
    "plain": PLAIN,
    "counts": COUNTS,
}
TALK: list[Message] = [
    {"role": "system", "content": "听。"},
    {"role": "user", "content": "你好"},
    {"role": "assistant", "content": "你好呀。"},
    {"role": "user", "content": "我很难过"},
]


def said_by(*roles_and_texts: tuple[str, str]) -> list[Message]:
    return [{"role": role, "content": text} for role, text in roles_and_texts]  # type: ignore[typeddict-item]


def written(writer: Writer, tokenizer: Any, messages: Sequence[Message]) -> str:
    return str(tokenizer.decode(writer.ids(writer.conversation(messages))))


def test_qiaoban_has_its_sentence_no_begin_and_no_lines() -> None:
    tokenizer = tiny.tokenizer(None)
    writer = Writer(tokenizer, named("qiaoban"))
    assert writer.in_pieces
    assert written(writer, tokenizer, TALK) == (
        OWN + "听。孩子：你好</s>智能助手：你好呀。</s>孩子：我很难过</s>智能助手："
    )


def test_qiaobans_role_tag_is_not_doubled() -> None:
    tokenizer = tiny.tokenizer(None)
    talk = said_by(("user", "嗨"), ("assistant", "智能助手：在呢。"), ("user", "好"))
    assert written(Writer(tokenizer, named("qiaoban")), tokenizer, talk) == (
        OWN + "孩子：嗨</s>智能助手：在呢。</s>孩子：好</s>智能助手："
    )


def test_qiaobans_sentence_is_not_said_twice() -> None:
    tokenizer = tiny.tokenizer(None)
    talk = said_by(("system", OWN), ("user", "嗨"))
    rendered = tokenizer.apply_chat_template(
        talk, chat_template=template_of("qiaoban"), tokenize=False, add_generation_prompt=True
    )
    assert rendered == OWN + "孩子：嗨</s>智能助手："
    assert written(Writer(tokenizer, named("qiaoban")), tokenizer, talk) == rendered


def test_pica_numbers_its_rounds_behind_the_system_words() -> None:
    tokenizer = tiny.spm_tokenizer()
    writer = Writer(tokenizer, named("pica"))
    assert writer.in_pieces
    ids = writer.ids(writer.conversation(TALK))
    assert ids[:2] == tokenizer.convert_tokens_to_ids(["[gMASK]", "sop"])
    assert tokenizer.decode(ids[2:]) == (
        "听。\n\n[Round 1]\n\n问：你好\n\n答：你好呀。\n\n[Round 2]\n\n问：我很难过\n\n答："
    )


def test_pica_numbers_from_one_when_old_turns_are_gone() -> None:
    tokenizer = tiny.spm_tokenizer()
    writer = Writer(tokenizer, named("pica"))
    talk = Conversation("", (("你好", "好。"), ("好", "你好。")), "难过")
    assert tokenizer.decode(writer.ids(talk, 1)[2:]) == (
        "[Round 1]\n\n问：好\n\n答：你好。\n\n[Round 2]\n\n问：难过\n\n答："
    )


def test_pica_needs_its_tokens_in_the_vocabulary() -> None:
    with pytest.raises(ModelError, match=r"no token '\[gMASK\]'"):
        Writer(tiny.tokenizer(None), named("pica"))


def test_baichuan2_puts_the_tokens_of_its_settings_before_each_role(tmp_path: Path) -> None:
    specials = (*tiny.SPECIALS[:3], "<reserved_7>", "<reserved_8>")
    tokenizer = tiny.tokenizer(None, specials=specials)
    roles = SimpleNamespace(user_token_id=3, assistant_token_id=4)
    chat_format = format_of(tmp_path, tokenizer, roles)
    assert chat_format.name == "baichuan2"
    writer = Writer(tokenizer, chat_format)
    assert writer.in_pieces
    ids = writer.ids(writer.conversation(TALK))
    assert writer.marks.among(ids) == [3, 4, 3, 4]
    assert tokenizer.decode(ids) == (
        "听。<reserved_7>你好<reserved_8>你好呀。<reserved_7>我很难过<reserved_8>"
    )
    assert 3 in writer.ends


@pytest.mark.parametrize("name", ["qiaoban", "pica", "baichuan2"])
def test_other_programs_get_the_same_prompt_from_the_template(name: str) -> None:
    specials = (*tiny.SPECIALS, "<reserved_107>", "[gMASK]", "sop")
    tokenizer = tiny.tokenizer(None, specials=specials)
    tokenizer.add_tokens(["[gMASK]", "sop"], special_tokens=True)
    for talk in (TALK, TALK[1:], TALK[1:2]):
        writer = Writer(tokenizer, named(name))
        rendered = tokenizer.apply_chat_template(
            talk, chat_template=template_of(name), add_generation_prompt=True, return_dict=False
        )
        assert writer.ids(writer.conversation(talk)) == rendered


@pytest.mark.parametrize("name", ["chatml", "plain", "counts"])
def test_a_template_is_followed_to_the_letter(name: str) -> None:
    tokenizer = tiny.tokenizer(TEMPLATES[name])
    writer = Writer(tokenizer, ChatFormat("template", TEMPLATES[name]))
    assert writer.in_pieces is (name != "counts")
    for talk in (TALK, TALK[1:], TALK[-1:]):
        rendered = tokenizer.apply_chat_template(
            talk, add_generation_prompt=True, return_dict=False
        )
        assert writer.ids(writer.conversation(talk)) == rendered


@pytest.mark.parametrize("name", ["llama2", "drops the system words"])
def test_system_words_open_the_first_message_where_there_is_no_such_role(name: str) -> None:
    tokenizer = tiny.tokenizer(TEMPLATES[name])
    writer = Writer(tokenizer, ChatFormat("template", TEMPLATES[name]))
    assert writer.in_pieces
    folded = said_by(("user", "听。\n\n你好"), ("assistant", "你好呀。"), ("user", "我很难过"))
    assert writer.ids(writer.conversation(TALK)) == tokenizer.apply_chat_template(
        folded, add_generation_prompt=True, return_dict=False
    )


def test_consecutive_messages_of_one_role_are_one() -> None:
    talk = said_by(
        ("assistant", "先说的"),
        ("user", "一"),
        ("user", "二"),
        ("assistant", "三"),
        ("system", "听"),
        ("assistant", "四"),
        ("user", "五"),
    )
    assert Conversation.of(talk) == Conversation("听", (("一\n二", "三\n四"),), "五")


@pytest.mark.parametrize("talk", [[], TALK[:1], TALK[:3]])
def test_the_last_word_has_to_be_the_childs(talk: list[Message]) -> None:
    with pytest.raises(ModelError, match="last message"):
        Conversation.of(talk)


MARKS = [
    *("</s>", "<s>", "<|im_start|>system\n", "<|im_end|>", "<unk>", "<think>", "<reserved_106>"),
    *("孩子：", "智能助手：", "[Round 2]", "[Round  12]", "\n问：", "答：", "\n\n答：", "[INST]"),
    *("USER:", "ASSISTANT: ", "<", "|", ">", "</", "s>", "孩", "子：", "[gMASK]", "sop", "\n", " "),
]
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(max_size=4), max_size=8).map("".join)
TALKS = st.tuples(TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=3), TEXTS)
WRITERS: dict[str, tuple[Any, Writer]] = {}


def writer_for(name: str) -> tuple[Any, Writer]:
    if name not in WRITERS:
        own = name in ("qiaoban", "pica", "baichuan2")
        specials = (*tiny.SPECIALS, "<reserved_107>", "[gMASK]", "sop")
        tokenizer = tiny.tokenizer(None if own else TEMPLATES[name], specials=specials)
        if name == "pica":
            tokenizer = tiny.spm_tokenizer()
        chat_format = named(name) if own else ChatFormat("template", TEMPLATES[name])
        WRITERS[name] = tokenizer, Writer(tokenizer, chat_format)
    return WRITERS[name]


def harmless(talk: Conversation) -> Conversation:
    """As many messages, of one letter each."""
    return Conversation("x" if talk.system else "", (("x", "x"),) * len(talk.turns), "x")


NAMES = ["qiaoban", "pica", "baichuan2", *TEMPLATES]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(talk=TALKS)
def test_no_words_become_a_special_token_or_open_a_role(
    name: str, talk: tuple[str, list[tuple[str, str]], str]
) -> None:
    tokenizer, writer = writer_for(name)
    conversation = Conversation(talk[0], tuple(talk[1]), talk[2])
    ids, plain = writer.ids(conversation), writer.ids(harmless(conversation))
    assert writer.marks.among(ids) == writer.marks.among(plain)
    text, template = tokenizer.decode(ids), tokenizer.decode(plain)
    tags = {
        "qiaoban": ["孩子：", "智能助手："],
        "pica": [r"\[Round\s*\d+\]", r"\n\n问：", r"\n\n答："],
        "llama2": [r"\[INST\]", r"\[/INST\]"],
        "plain": ["USER:", "ASSISTANT:"],
    }
    for tag in tags.get(name, []):
        assert len(re.findall(tag, text)) == len(re.findall(tag, template)), tag


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(talk=TALKS)
def test_the_text_of_marks_stays_but_for_a_blank(
    name: str, talk: tuple[str, list[tuple[str, str]], str]
) -> None:
    tokenizer, writer = writer_for(name)
    text = tokenizer.decode(writer.ids(Conversation("", (), talk[2])))
    assert _solid(talk[2]) in _solid(text)


def _solid(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(talk=TALKS, start=st.integers(0, 3))
def test_pieces_and_the_whole_template_give_the_same_ids(
    name: str, talk: tuple[str, list[tuple[str, str]], str], start: int
) -> None:
    _, writer = writer_for(name)
    conversation = writer.conversation(
        said_by(
            ("system", talk[0]),
            *(pair for u, a in talk[1] for pair in (("user", f"问{u}"), ("assistant", a))),
            ("user", f"问{talk[2]}"),  # a template trims what is empty in a way of its own
        )
    )
    start = min(start, len(conversation.turns))
    assert writer.ids(conversation, start) == writer.whole(conversation, start)


def test_a_tokenizer_that_normalises_before_it_looks_is_not_fooled() -> None:
    from tokenizers import AddedToken, normalizers

    tokenizer = tiny.tokenizer(None)
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    tokenizer.add_tokens([AddedToken("<|end|>", special=True, normalized=True)])
    assert tokenizer.encode("＜|end|＞") == tokenizer.encode("<|end|>")
    writer = Writer(tokenizer, named("qiaoban"))
    for text in ("＜|end|＞", "a<|ｅnd|>b"):
        conversation = Conversation("", (), text)
        assert tokenizer.convert_tokens_to_ids("<|end|>") not in writer.ids(conversation)
        assert tokenizer.convert_tokens_to_ids("<|end|>") not in writer.whole(conversation)


def test_a_template_that_leaves_a_thought_open_is_known() -> None:
    tokenizer = tiny.tokenizer(tiny.CHATML.replace("assistant\n", "assistant\n<think>\n"))
    assert Writer(tokenizer, format_of(Path(), tokenizer, SimpleNamespace())).thinks is True
    assert Writer(tiny.tokenizer(), ChatFormat("template", tiny.CHATML)).thinks is False
    assert Writer(tiny.tokenizer(), named("qiaoban")).thinks is False


@pytest.mark.parametrize(
    ("layout", "name"), [("baichuan", "qiaoban"), ("chatglm2", "pica"), ("baichuan2", "baichuan2")]
)
def test_the_report_of_a_conversion_tells_the_format(
    tmp_path: Path, layout: str, name: str
) -> None:
    (tmp_path / "conversion.json").write_text(json.dumps({"layout": layout}))
    roles = SimpleNamespace(user_token_id=5, assistant_token_id=6)
    assert format_of(tmp_path, tiny.tokenizer(), roles).name == name


@pytest.mark.parametrize("name", ["qiaoban", "pica", "template"])
def test_what_training_taught_goes_before_whose_tensors_they_were(
    tmp_path: Path, name: str
) -> None:
    report = {"layout": "chatglm2" if name != "pica" else "baichuan", "chat_format": name}
    (tmp_path / "conversion.json").write_text(json.dumps(report))
    assert format_of(tmp_path, tiny.tokenizer(), SimpleNamespace()).name == name


def test_a_base_model_of_baichuan2_is_no_chat_model(tmp_path: Path) -> None:
    (tmp_path / "conversion.json").write_text(json.dumps({"layout": "baichuan2"}))
    with pytest.raises(ModelError, match="does not tell how"):
        format_of(tmp_path, tiny.tokenizer(None), SimpleNamespace())
    with pytest.raises(ModelError, match="base model"):
        format_of(tmp_path, tiny.tokenizer(None), SimpleNamespace(), "baichuan2")


def test_what_is_asked_for_goes_before_what_the_checkpoint_tells(tmp_path: Path) -> None:
    (tmp_path / "conversion.json").write_text(json.dumps({"layout": "baichuan"}))
    tokenizer = tiny.tokenizer()
    assert format_of(tmp_path, tokenizer, None, "template").template == tiny.CHATML
    assert format_of(tmp_path, tokenizer, None, "pica").name == "pica"


def test_without_any_template_the_error_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="chat_format='qiaoban'"):
        format_of(tmp_path, tiny.tokenizer(None), None)
    with pytest.raises(ModelError, match="has no chat template"):
        format_of(tmp_path, tiny.tokenizer(None), None, "template")
    with pytest.raises(ModelError, match="no chat format is called 'qwen'"):
        format_of(tmp_path, tiny.tokenizer(None), None, "qwen")


def converted(shared: Path, folder: Path, layout: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("qiaoban_agent.checkpoints.tokenizer")
    golden = shared / "golden" / f"{'baichuan' if layout == 'baichuan' else layout}_tokenizer"
    tokenizers.convert_tokenizer(golden, folder, layout, 1500)
    expected = json.loads((golden / "expected.json").read_text(encoding="utf-8"))
    return transformers.AutoTokenizer.from_pretrained(folder), expected


def test_pica_gives_the_ids_of_the_original_code(shared: Path, tmp_path: Path) -> None:
    tokenizer, expected = converted(shared, tmp_path, "chatglm2")
    writer = Writer(tokenizer, named("pica"))
    assert writer.in_pieces
    for prompt in expected["prompts"]:
        turns = tuple((child, answer) for child, answer in prompt["history"])
        assert writer.ids(Conversation("", turns, prompt["query"])) == prompt["ids"]


def test_qiaoban_gives_the_ids_of_the_original_code(shared: Path, tmp_path: Path) -> None:
    tokenizer, expected = converted(shared, tmp_path, "baichuan")
    compared = 0
    for dialog in expected["dialogs"]:
        opening, _, rest = dialog["text"].partition("孩子：")
        said = re.findall(r"(?:孩子|智能助手)：(.*?)</s>", f"孩子：{rest}")
        roles = re.findall(r"(孩子|智能助手)：.*?</s>", f"孩子：{rest}")
        if any(one == other for one, other in pairwise(roles)):
            continue
        end = (len(said) - 1) // 2 * 2
        qiaoban = named("qiaoban")
        writer = Writer(
            tokenizer, replace(qiaoban, template=qiaoban.template.replace(OWN, opening))
        )
        assert writer.in_pieces
        turns = tuple(zip(said[:end:2], said[1:end:2], strict=True))
        ids = writer.ids(Conversation("", turns, said[end]))
        assert ids == dialog["ids"][: len(ids)]
        compared += 1
    assert compared
