"""The estimator: sizes against models that transformers builds, bytes against autograd's own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.activations import per_layer, scores
from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.estimate import Workload, estimate, flops
from qiaoban_finetune.hardware import GPUS, Hardware
from qiaoban_finetune.memory import GIB, memory, trainable
from qiaoban_finetune.sections import (
    FullMethod,
    LoraMethod,
    MethodConfig,
    ModelConfig,
    PrefixMethod,
    QloraMethod,
)
from qiaoban_finetune.shape import ModelShape, shape_of
from qiaoban_finetune.sharding import Sharding

BAICHUAN = ModelShape("baichuan", 32, 4096, 32, 32, 128, 11008, 64000)
CHATGLM2 = ModelShape("glm", 28, 4096, 32, 2, 128, 13696, 65024, biases=True, fused=True)
SMALL = ModelShape("llama", 3, 256, 4, 2, 64, 640, 1000)
A100 = Hardware("a100-80g")
EPOCH = Workload(sequences=64, tokens=65536, longest=1024, attended=500)


def run(method: dict[str, Any] | None = None, **optimiser: Any) -> TrainingConfig:
    data: dict[str, Any] = {
        "model": {"base": "b"},
        "data": {"train": [{"path": "d.json"}], "packing": False},
        "method": method or {"kind": "full"},
        "optimiser": {"learning_rate": 1e-5, "global_batch": 64, **optimiser},
        "output": "o",
    }
    return parse_config(data, origins=[("test", "")])


def llama(shape: ModelShape, dtype: str = "float32", attention: str = "sdpa") -> Any:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    config = transformers.LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        attn_implementation=attention,
    )
    return transformers.LlamaForCausalLM(config).to(getattr(torch, dtype))


@pytest.mark.models
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {"num_key_value_heads": 2}),
        ("llama", {"tie_word_embeddings": True}),
        ("mistral", {"num_key_value_heads": 2, "head_dim": 32}),
        ("qwen2", {"num_key_value_heads": 2}),
        ("qwen3", {"num_key_value_heads": 2, "head_dim": 32}),
        ("glm", {"num_key_value_heads": 2, "attention_bias": True, "head_dim": 16}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_parameters_are_those_of_the_model_that_transformers_builds(
    tmp_path: Path, family: str, changes: dict[str, Any]
) -> None:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "vocab_size": 200,
        "pad_token_id": 0,
    }
    config = transformers.AutoConfig.for_model(family, **(sizes | changes))
    with torch.device("meta"):
        made = transformers.AutoModelForCausalLM.from_config(config)
    config.save_pretrained(tmp_path)
    shape = shape_of(ModelConfig(base=str(tmp_path)))
    assert shape.parameters == sum(weights.numel() for weights in made.parameters())
    linears = [m for m in made.model.layers[0].modules() if isinstance(m, torch.nn.Linear)]
    assert sorted(shape.linears) == sorted((m.in_features, m.out_features) for m in linears)


@pytest.mark.parametrize(
    ("folder", "parameters"),
    [("baichuan7b", "pytorch_model.bin"), ("chatglm2", "pytorch_model.bin")],
)
@pytest.mark.models
def test_original_layouts_are_counted_from_their_config_alone(
    shared: Path, folder: str, parameters: str
) -> None:
    torch = pytest.importorskip("torch")
    weights = torch.load(shared / "golden" / folder / parameters, weights_only=True)
    counted = sum(w.numel() for name, w in weights.items() if "inv_freq" not in name)
    shape = shape_of(ModelConfig(base=str(shared / "golden" / folder)))
    assert shape.parameters == counted


def test_the_seeds_have_the_published_sizes() -> None:
    assert BAICHUAN.parameters == 7_000_559_616
    assert CHATGLM2.parameters == 6_243_584_000
    # 128 × 14,336, the shape of PICA's published prefix
    assert trainable(CHATGLM2, PrefixMethod(length=128)) == 128 * 14_336


@pytest.mark.models
@pytest.mark.parametrize(
    "method",
    [
        LoraMethod(rank=4),
        LoraMethod(rank=4, targets=("q_proj", "down_proj")),
        PrefixMethod(length=5),
        PrefixMethod(length=5, projection=True),
    ],
    ids=["lora", "lora-targets", "prefix", "prefix-projection"],
)
def test_trained_parameters_are_those_that_peft_trains(method: MethodConfig) -> None:
    peft = pytest.importorskip("peft")
    model = llama(SMALL)
    if isinstance(method, LoraMethod):
        targets = "all-linear" if method.targets == "auto" else list(method.targets)
        given = peft.LoraConfig(r=method.rank, target_modules=targets, task_type="CAUSAL_LM")
    else:
        assert isinstance(method, PrefixMethod)
        given = peft.PrefixTuningConfig(
            num_virtual_tokens=method.length,
            prefix_projection=method.projection,
            encoder_hidden_size=SMALL.width,
            task_type="CAUSAL_LM",
        )
    trained, _ = peft.get_peft_model(model, given).get_nb_trainable_parameters()
    assert trainable(SMALL, method) == trained


def kept(shape: ModelShape, tokens: int, *, autocast: bool, model: Any) -> int:
    """Bytes of the tensors that autograd keeps of one forward pass, weights not counted."""
    torch = pytest.importorskip("torch")
    weights = {w.untyped_storage().data_ptr() for w in model.parameters()}
    seen: dict[int, Any] = {}

    def pack(tensor: Any) -> Any:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            seen[place] = tensor
        return tensor

    ids = torch.zeros((1, tokens), dtype=torch.long)
    context = torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext()

    def unpack(tensor: Any) -> Any:
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack), context:
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    assert loss.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in seen.values())


def a_layer(dtype: str, *, autocast: bool, lora: LoraMethod | None = None, **of: Any) -> float:
    """Bytes that autograd keeps of one more token in one more layer, as measured."""
    peft = pytest.importorskip("peft")
    found: dict[tuple[int, int], int] = {}
    for layers in (1, 2):
        for tokens in (64, 192):
            shape = ModelShape("llama", layers, 256, 4, 2, 64, 640, 1000)
            model = llama(shape, dtype, of.get("attention", "sdpa"))
            if lora is not None:
                given = peft.LoraConfig(
                    r=lora.rank,
                    target_modules="all-linear",
                    lora_dropout=lora.dropout,
                    task_type="CAUSAL_LM",
                )
                model = peft.get_peft_model(model, given)
            model.train()
            found[layers, tokens] = kept(shape, tokens, autocast=autocast, model=model)
    layer = {tokens: found[2, tokens] - found[1, tokens] for tokens in (64, 192)}
    return (layer[192] - layer[64]) / 128


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "autocast", "method"),
    [
        ("bfloat16", False, FullMethod()),
        ("float32", True, FullMethod()),
        ("float32", False, FullMethod()),
        ("bfloat16", True, LoraMethod(rank=8, dropout=0.0)),
        ("bfloat16", True, LoraMethod(rank=8, dropout=0.05)),
    ],
    ids=["bf16", "autocast", "fp32", "lora", "lora-dropout"],
)
def test_a_layer_keeps_the_bytes_that_autograd_keeps(
    dtype: str, autocast: bool, method: MethodConfig
) -> None:
    lora = method if isinstance(method, LoraMethod) else None
    measured = a_layer(dtype, autocast=autocast, lora=lora)
    half = autocast or dtype == "bfloat16"
    told = per_layer(SMALL, method, half=half, autocast=autocast)
    assert told == pytest.approx(measured, rel=0.01)


@pytest.mark.models
def test_eager_attention_keeps_the_scores_as_well() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    sizes: list[int] = []
    for attention in ("sdpa", "eager"):
        model = llama(ModelShape("llama", 2, 256, 4, 4, 64, 640, 1000), "bfloat16", attention)
        sizes.append(kept(SMALL, 256, autocast=False, model=model))
    measured = (sizes[1] - sizes[0]) / 256 / 2
    told = scores(ModelShape("llama", 2, 256, 4, 4, 64, 640, 1000), 256, half=True)
    assert told == pytest.approx(measured, rel=0.05)


def test_mixed_precision_takes_sixteen_bytes_a_weight_and_zero_divides_them() -> None:
    config = run()
    weights = BAICHUAN.parameters
    four = Hardware("a100-80g", gpus=4)
    parts = [
        memory(config, BAICHUAN, 1024, four, Sharding(stage=stage, reduce_bucket=0))
        for stage in (1, 2, 3)
    ]
    assert [part.weights / weights for part in parts] == [2, 2, 0.5]
    assert [part.gradients / weights for part in parts] == [2, 0.5, 0.5]
    assert [part.optimiser / weights for part in parts] == [3, 3, 3]


def test_offloading_moves_the_optimiser_into_the_machine() -> None:
    sharding = Sharding(stage=2, offload=True)
    part = memory(run(), BAICHUAN, 1024, A100, sharding)
    assert part.optimiser == part.gradients == 0
    assert part.host == 16 * BAICHUAN.parameters  # with the gradients in fp32


def test_a_step_needs_no_more_than_activations_leave_free() -> None:
    four = Hardware("a100-80g", gpus=4)
    part = memory(run(), BAICHUAN, 1, four, Sharding(stage=2, reduce_bucket=0))
    assert part.step == BAICHUAN.parameters
    assert part.total == part.weights + part.gradients + part.optimiser + part.buffers + (
        part.context + part.step
    )
    longer = memory(run(), BAICHUAN, 4096, four, Sharding(stage=2, reduce_bucket=0))
    assert longer.total - part.total == longer.activations - part.step


def test_a_copy_on_each_machine_takes_its_memory() -> None:
    hardware = Hardware("a100-80g", gpus=8, nodes=2)
    plain, copied = (
        memory(run(), BAICHUAN, 1, hardware, Sharding(stage=3, within_node=within)).weights
        for within in (False, True)
    )
    assert copied - plain == 2 * BAICHUAN.parameters / 8


def test_frozen_weights_are_smaller_when_quantised() -> None:
    plain, four = (
        memory(run({"kind": kind}), BAICHUAN, 512, A100, Sharding()).weights
        for kind in ("lora", "qlora")
    )
    adapters = 4 * trainable(BAICHUAN, LoraMethod())
    assert plain == 2 * BAICHUAN.parameters + adapters
    # NF4 with doubly quantised constants takes 4.127 bits (arXiv 2305.14314, section 3)
    ends = BAICHUAN.parameters - BAICHUAN.in_linears
    assert four == pytest.approx(4.127 / 8 * BAICHUAN.in_linears + 2 * ends + adapters, rel=1e-4)
    assert memory(run({"kind": "qlora", "bits": 8}), BAICHUAN, 512, A100, Sharding()).weights > four


def test_a_token_costs_six_operations_a_weight_and_four_where_it_is_frozen() -> None:
    multiplied = BAICHUAN.in_linears + BAICHUAN.vocabulary * BAICHUAN.width
    assert flops(run(), BAICHUAN, 0) == 6 * multiplied
    assert flops(run({"kind": "lora"}), BAICHUAN, 0) == 4 * multiplied
    again = run().model.model_copy(update={"gradient_checkpointing": True})
    assert flops(run().model_copy(update={"model": again}), BAICHUAN, 0) == 8 * multiplied
    # half of PaLM's 12·L·H·Q·T, since what is later is not computed
    assert flops(run(), BAICHUAN, 100) - 6 * multiplied == 6 * 32 * 32 * 128 * 100


def test_hours_follow_from_tokens_gpus_and_their_peak() -> None:
    one = estimate(run(epochs=2), BAICHUAN, EPOCH, A100)
    assert one.steps == 2
    assert one.tokens == 2 * EPOCH.tokens
    computed = flops(run(), BAICHUAN, EPOCH.attended) * one.tokens
    assert one.compute_hours == pytest.approx(computed / (312e12 * 0.4) / 3600)
    four = estimate(run(epochs=2), BAICHUAN, EPOCH, Hardware("a100-80g", gpus=4))
    assert four.compute_hours == pytest.approx(one.compute_hours / 4)
    assert one.network_hours == 0 < four.network_hours


def test_slow_networks_cost_hours_and_a_copy_on_each_machine_saves_some() -> None:
    def hours(network: float, **zero: Any) -> float:
        hardware = Hardware("a100-80g", gpus=8, nodes=2, network=network)
        return estimate(run(), BAICHUAN, EPOCH, hardware, Sharding(**zero)).network_hours

    assert hours(100, stage=3) == pytest.approx(2 * hours(200, stage=3))
    assert hours(100, stage=3, within_node=True) < 0.8 * hours(100, stage=3)
    assert hours(100, stage=2) < hours(100, stage=3)


def test_a_batch_that_does_not_divide_is_refused_with_one_that_does() -> None:
    with pytest.raises(ConfigError, match=r"global_batch: 64 .* 3 × 7 GPUs; write 63"):
        estimate(run(micro_batch=3), BAICHUAN, EPOCH, Hardware("a100-80g", gpus=7))


def test_deepspeed_sizes_are_read_and_auto_is_what_transformers_puts_there() -> None:
    zero = {"stage": 3, "reduce_bucket_size": "auto", "offload_param": {"device": "cpu"}}
    sharding = Sharding.of({"zero_optimization": zero}, 64)
    assert (sharding.stage, sharding.reduce_bucket) == (3, 64 * 64)
    assert (sharding.offload_weights, sharding.offload) == (True, False)
    assert Sharding.of(None, 64) == Sharding()
    with pytest.raises(ConfigError, match="stage is 4"):
        Sharding.of({"zero_optimization": {"stage": 4}}, 64)


def test_a_gpu_is_known_by_name_or_the_nearest_is_told() -> None:
    with pytest.raises(ConfigError, match="did you mean 'a100-80g'"):
        Hardware("a100-80gb")
    assert all(gpu.half > gpu.single > 0 and gpu.memory > 20 for gpu in GPUS.values())


def test_a_7b_fits_where_it_is_known_to_fit() -> None:
    full, qlora = run(), run({"kind": "qlora"})
    one, four = Hardware("a100-80g"), Hardware("a100-80g", gpus=4)
    assert not estimate(full, BAICHUAN, EPOCH, one).fits
    assert estimate(full, BAICHUAN, EPOCH, four, Sharding(stage=2, allgather_bucket=2e8)).fits
    small = Workload(64, 32768, 512, 300)
    assert estimate(qlora, BAICHUAN, small, Hardware("rtx-4090-24g")).fits
    assert not estimate(full, BAICHUAN, small, Hardware("rtx-4090-24g")).fits
    assert estimate(full, BAICHUAN, EPOCH, four).memory.total / GIB > 100


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ('{"model_type": "gpt2"}', "model_type: 'gpt2' is none whose size is known"),
        ('{"model_type": "llama"}', "the key 'hidden_size' is missing"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_an_unknown_config_is_refused_by_file_and_key(
    tmp_path: Path, config: str, error: str
) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        shape_of(ModelConfig(base=str(tmp_path)))
    assert error in str(caught.value)
    assert str(tmp_path / "config.json") in str(caught.value)


def test_quantised_weights_train_as_many_as_plain_ones() -> None:
    assert trainable(BAICHUAN, QloraMethod()) == trainable(BAICHUAN, LoraMethod()) == 39_976_960
