"""A packed document is computed as if it stood alone, forwards and backwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from qiaoban_finetune import attention
from qiaoban_finetune.attention import NAME, use_document_attention
from qiaoban_finetune.collate import Packed, Padded
from qiaoban_finetune.encoding import IGNORED, Example
from qiaoban_finetune.errors import ConfigError, TrainingError

pytestmark = pytest.mark.models
torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "attention_dropout": 0.0,
}
SHAPES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", {}),
    "glm": (
        "GlmForCausalLM",
        "GlmConfig",
        {"head_dim": 8, "partial_rotary_factor": 0.5, "attention_bias": True},
    ),
    "sliding": ("MistralForCausalLM", "MistralConfig", {"sliding_window": 4, "head_dim": 8}),
}
EXAMPLES = [
    Example((5, 6, 7, 8, 9), (IGNORED, IGNORED, 7, 8, 9), "a"),
    Example((11,), (IGNORED,), "b"),
    Example((5, 6, 12, 13, 14, 15, 16, 17, 18), (IGNORED,) * 4 + (14, 15, 16, 17, 18), "c"),
    Example((20, 21, 22), (IGNORED, 21, 22), "d"),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model_of(shape: str) -> Any:
    """Weights wide enough that what stands before a token moves its logits."""
    kind, config, more = SHAPES[shape]
    torch.manual_seed(0)
    made = getattr(transformers, kind)(getattr(transformers, config)(**(SIZES | more)))
    for weights in made.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.3)
    return made


def alone(model: Any, example: Example) -> Any:
    return model(input_ids=torch.tensor([example.ids]), use_cache=False).logits[0]


def worst_difference(model: Any, packed: Any, examples: Sequence[Example], begins: Any) -> float:
    return max(
        float((packed[begin:end] - alone(model, example)).abs().max())
        for example, (begin, end) in zip(examples, pairwise(begins.tolist()), strict=False)
    )


@pytest.mark.parametrize("multiple_of", [1, 8], ids=["tight", "padded to 8"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_packed_document_has_the_logits_it_has_alone(shape: str, multiple_of: int) -> None:
    model = model_of(shape).eval()
    batch = Packed(0, 32, multiple_of)(EXAMPLES)
    assert batch["input_ids"].shape[1] % multiple_of == 0
    use_document_attention(model)
    with torch.no_grad():
        packed = model(**batch).logits[0]
        model.set_attn_implementation("eager")
        assert worst_difference(model, packed, EXAMPLES, batch["cu_seq_lens_q"]) < 2e-5


def by_the_definition(
    query: Any, key: Any, value: Any, bounds: Sequence[int], *, scale: float, window: int
) -> Any:
    """[tokens, heads, size] in and out, each document by itself, in the plainest way."""
    shared = query.shape[1] // key.shape[1]
    found = torch.zeros_like(query)
    for begin, end in pairwise(bounds):
        for head in range(query.shape[1]):
            keys, values = (states[begin:end, head // shared] for states in (key, value))
            scores = scale * query[begin:end, head] @ keys.T
            places = torch.arange(end - begin)
            back = places[:, None] - places[None, :]
            seen = (back >= 0) & (back <= window) if window >= 0 else back >= 0
            weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
            found[begin:end, head] = weights @ values
    return found


def flash_attn_varlen_func(  # noqa: PLR0917 - as flash_attn 2 has it
    q: Any,
    k: Any,
    v: Any,
    cu_seqlens_q: Any,
    cu_seqlens_k: Any,
    max_seqlen_q: int,
    max_seqlen_k: int,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
) -> Any:
    bounds = cu_seqlens_q.tolist()
    assert causal
    assert max_seqlen_q == max_seqlen_k == max(end - begin for begin, end in pairwise(bounds))
    return by_the_definition(q, k, v, bounds, scale=softmax_scale or 1, window=window_size[0])


def varlen_attn(  # noqa: PLR0917 - as torch 2.13 has it
    query: Any,
    key: Any,
    value: Any,
    cu_seq_q: Any,
    cu_seq_k: Any,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> Any:
    assert enable_gqa == (query.shape[1] != key.shape[1])
    assert window_size[1] == 0  # causal, in torch's words
    bounds = cu_seq_q.tolist()
    return by_the_definition(query, key, value, bounds, scale=scale or 1, window=window_size[0])


@pytest.mark.parametrize("kernel", ["_flash_attn", "_torch_varlen"])
@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_are_asked_for_the_same(
    monkeypatch: pytest.MonkeyPatch, shape: str, kernel: str
) -> None:
    """They need a GPU; here stands for each what its documentation says that it computes."""
    flash, varlen = ModuleType("flash_attn"), ModuleType("torch.nn.attention.varlen")
    monkeypatch.setattr(flash, "flash_attn_varlen_func", flash_attn_varlen_func, raising=False)
    monkeypatch.setattr(varlen, "varlen_attn", varlen_attn, raising=False)
    monkeypatch.setitem(sys.modules, flash.__name__, flash)
    monkeypatch.setitem(sys.modules, varlen.__name__, varlen)
    asked = getattr(attention, kernel)

    def chosen(query: Any, dropout: float) -> Any:
        return asked

    monkeypatch.setattr(attention, "_kernel", chosen)
    model = model_of(shape).eval()
    batch = Packed(0, 32)(EXAMPLES)
    use_document_attention(model)
    with torch.no_grad():
        packed = model(**batch).logits[0]
        model.set_attn_implementation("eager")
        assert worst_difference(model, packed, EXAMPLES, batch["cu_seq_lens_q"]) < 2e-5


def test_the_same_row_as_one_text_has_other_logits() -> None:
    """The test above could not see a mixture otherwise."""
    model = model_of("llama").eval()
    batch = Packed(0, 32)(EXAMPLES)
    with torch.no_grad():
        mixed = model(input_ids=batch["input_ids"], use_cache=False).logits[0]
        assert worst_difference(model, mixed, EXAMPLES, batch["cu_seq_lens_q"]) > 0.1


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointing"])
@pytest.mark.parametrize("shape", SHAPES)
def test_packed_gradients_are_those_of_the_documents_alone(shape: str, checkpointing: bool) -> None:
    model = model_of(shape).train()
    learnt = sum(label != IGNORED for example in EXAMPLES for label in example.labels)
    total: Any = sum(
        torch.nn.functional.cross_entropy(
            alone(model, example)[:-1], torch.tensor(example.labels[1:]), reduction="sum"
        )
        for example in EXAMPLES
        if len(example.ids) > 1
    )
    total.backward()
    expected = [weights.grad / learnt for weights in model.parameters()]

    model.zero_grad()
    use_document_attention(model)
    if checkpointing:
        model.activation_checkpointing_enable()
    loss = model(**Packed(0, 32)(EXAMPLES)).loss
    loss.backward()
    assert loss.item() == pytest.approx(total.item() / learnt, rel=1e-5)
    for wanted, weights in zip(expected, model.parameters(), strict=True):
        torch.testing.assert_close(weights.grad, wanted, rtol=1e-3, atol=1e-5)


def test_padded_batches_are_attended_to_as_with_sdpa() -> None:
    model = model_of("llama").eval()
    batch = Padded(0)(EXAMPLES)
    with torch.no_grad():
        model.set_attn_implementation("sdpa")
        expected = model(**batch).logits[batch["attention_mask"].bool()]
        use_document_attention(model)
        found = model(**batch).logits[batch["attention_mask"].bool()]
    torch.testing.assert_close(found, expected)


def test_a_model_still_generates_as_with_sdpa() -> None:
    model = model_of("llama").eval()
    ids, mask = torch.tensor([[0, 5, 6], [7, 8, 9]]), torch.tensor([[0, 1, 1], [1, 1, 1]])
    asked = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
    expected = model.generate(ids, attention_mask=mask, **asked)
    use_document_attention(model)
    assert model.generate(ids, attention_mask=mask, **asked).tolist() == expected.tolist()


def test_documents_stay_apart_under_an_adapter() -> None:
    peft: Any = pytest.importorskip("peft")
    model = peft.get_peft_model(
        model_of("llama"), peft.LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM")
    ).eval()
    batch = Packed(0, 32)(EXAMPLES)
    use_document_attention(model)
    with torch.no_grad():
        packed = model(**batch).logits[0]
        assert worst_difference(model, packed, EXAMPLES, batch["cu_seq_lens_q"]) < 2e-5


def test_a_packed_row_without_its_bounds_is_refused() -> None:
    model = model_of("llama")
    use_document_attention(model)
    batch = Packed(0, 32)(EXAMPLES)
    for key in ("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k"):
        del batch[key]
    with pytest.raises(TrainingError, match=r"without cu_seq_lens_q.*collate\.Packed"):
        model(**batch)


def test_a_packed_row_with_a_mask_is_refused() -> None:
    model = model_of("llama")
    use_document_attention(model)
    batch = Packed(0, 32)(EXAMPLES)
    mask = torch.ones_like(batch["input_ids"])
    mask[0, -1] = 0
    with pytest.raises(TrainingError, match="attention_mask"):
        model(**batch, attention_mask=mask)


def test_a_prefix_before_packed_documents_is_refused() -> None:
    peft: Any = pytest.importorskip("peft")
    settings = peft.PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model_of("llama"), settings)
    use_document_attention(model)
    with pytest.raises(TrainingError, match="packing: false"):
        model(**Packed(0, 32)(EXAMPLES))


def test_a_model_that_cannot_change_its_attention_is_refused() -> None:
    sizes = {"vocab_size": 50, "hidden_size": 32, "n_layer": 1, "n_head": 2}
    model = transformers.BloomForCausalLM(transformers.BloomConfig(**sizes))
    with pytest.raises(ConfigError, match="BloomForCausalLM cannot change its attention"):
        use_document_attention(model)
    assert model.config._attn_implementation != NAME
