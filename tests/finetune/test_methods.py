"""What is trained by each method, for each family of models, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.config import LoraMethod, PrefixMethod, TrainingConfig
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.methods import lora_targets, refuse_unsupported, with_method
from tests.finetune.runs import configured

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
pytest.importorskip("peft")

pytestmark = [
    pytest.mark.models,
    # PEFT 0.21 asks transformers 5.23 for an attribute by its old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}


def llama() -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES))


def chatglm2() -> Any:
    """What a ChatGLM2 is converted to."""
    config = transformers.GlmConfig(**SIZES, head_dim=8, attention_bias=True)
    return transformers.GlmForCausalLM(config)


def qwen3() -> Any:
    """Heads that are wider than the hidden size divided among them."""
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES, head_dim=16))


def gpt2() -> Any:
    """Linear layers that are kept turned."""
    sizes = {"vocab_size": 40, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(**sizes, bos_token_id=1, eos_token_id=1)
    )


MODELS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "llama": (
        llama,
        ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    ),
    "chatglm2": (
        chatglm2,
        ["down_proj", "gate_up_proj", "k_proj", "o_proj", "q_proj", "v_proj"],
    ),
    "qwen3": (
        qwen3,
        ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    ),
    "gpt2": (gpt2, ["c_attn", "c_fc", "c_proj"]),
}
IDS = [[3, 7, 11, 2, 5, 1]]


def loss_after_a_step(model: Any) -> tuple[float, float]:
    """The loss before and after one step along the gradient."""
    ids = torch.tensor(IDS)
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
    model.eval()
    before = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss
    before.backward()
    optimiser.step()
    after = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss
    return before.item(), after.item()


@pytest.mark.parametrize("family", MODELS)
def test_auto_targets_are_every_linear_layer_but_the_head(family: str) -> None:
    make, names = MODELS[family]
    assert lora_targets(make(), "auto") == names


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize(
    "method", [LoraMethod(rank=4, dropout=0.0), PrefixMethod(length=3)], ids=["lora", "prefix"]
)
def test_only_the_adapter_is_trained_and_it_learns(
    family: str, method: LoraMethod | PrefixMethod
) -> None:
    torch.manual_seed(0)
    model = with_method(MODELS[family][0](), method, None)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained
    assert all("lora_" in name or "prompt_encoder" in name for name in trained)
    before, after = loss_after_a_step(model)
    assert after < before


def test_a_new_lora_begins_as_the_model_was() -> None:
    model = llama().eval()
    ids = torch.tensor(IDS)
    before = model(ids).logits
    assert torch.equal(with_method(model, LoraMethod(), None).eval()(ids).logits, before)


@pytest.mark.parametrize("projection", [False, True])
def test_a_prefix_is_as_wide_as_the_keys_and_values_of_the_model(*, projection: bool) -> None:
    model = with_method(chatglm2(), PrefixMethod(length=5, projection=projection), None)
    kept = model.get_prompt_embedding_to_save("default")
    assert kept.shape == (5, 2 * 2 * 2 * 8)  # layers, key and value, groups, channels


def test_a_prefix_is_dropped_out_while_it_is_trained_and_never_else() -> None:
    torch.manual_seed(0)
    model = with_method(llama(), PrefixMethod(length=64), None)
    encoder = model.prompt_encoder["default"]
    model.train()
    zeros = float((encoder(torch.arange(64)) == 0).float().mean())
    assert zeros == pytest.approx(0.1, abs=0.02)
    model.eval()
    assert torch.equal(encoder(torch.arange(64)), encoder.embedding.weight)


@pytest.mark.parametrize("family", MODELS)
def test_a_target_that_matches_nothing_is_refused_with_those_that_would(family: str) -> None:
    make, names = MODELS[family]
    model = make()
    with pytest.raises(ConfigError) as refused:  # what QiaoBan's script gives for a Baichuan
        lora_targets(model, (names[0], "query_key_value"))
    told = str(refused.value)
    assert told.startswith("method.targets: query_key_value matches no linear layer of")
    assert all(name in told for name in names)
    assert lora_targets(model, (names[0],)) == [names[0]]


def test_a_part_of_a_name_is_no_name() -> None:
    with pytest.raises(ConfigError, match="proj matches no linear layer"):
        lora_targets(llama(), ("proj",))
    assert lora_targets(llama(), ("self_attn.q_proj",)) == ["self_attn.q_proj"]


@pytest.mark.parametrize(
    ("method", "stage", "model", "told"),
    [
        ("prefix", 3, {}, r"deepspeed: a prefix hangs .* ZeRO-2"),
        ("qlora", 3, {}, r"deepspeed: ZeRO-3 would split"),
        ("prefix", 0, {"gradient_checkpointing": True}, r"model\.gradient_checkpointing: a prefix"),
    ],
)
def test_what_is_known_not_to_run_is_refused_with_what_does(
    tmp_path: Path, method: str, stage: int, model: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        refuse_unsupported(of_kind(tmp_path, method, **model), stage)


@pytest.mark.parametrize(
    ("method", "stage"), [("prefix", 2), ("qlora", 2), ("lora", 3), ("full", 3), ("prefix", 0)]
)
def test_what_runs_is_not_refused(tmp_path: Path, method: str, stage: int) -> None:
    refuse_unsupported(of_kind(tmp_path, method), stage)


def of_kind(folder: Path, method: str, **model: Any) -> TrainingConfig:
    packing = {"packing": method != "prefix"}
    return configured(
        folder, folder / "some.jsonl", method={"kind": method}, model=model, data=packing
    )
