"""A prefix goes from PICA's layout to PEFT's and back, and computes the same in both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.checkpoints.chatglm import plan_of
from qiaoban_agent.checkpoints.original import first_logits
from qiaoban_agent.checkpoints.prefix import convert_prefix, read_prefix
from qiaoban_finetune.errors import TrainingError
from qiaoban_finetune.prefix_layout import (
    Sizes,
    from_ptuning,
    read_adapter,
    to_ptuning,
    write_ptuning,
)
from tests.agent.checkpoints.tiny import CHATGLM2, Held, native, random_tensors

pytestmark = pytest.mark.models
torch: Any = pytest.importorskip("torch")
peft: Any = pytest.importorskip("peft")

SIZES = st.builds(
    Sizes,
    tokens=st.integers(1, 200),
    layers=st.integers(1, 3),
    groups=st.integers(1, 3),
    channels=st.integers(1, 5).map(lambda count: 4 * count),
)


def drawn(sizes: Sizes, seed: int = 0) -> Any:
    made: Any = torch.Generator()
    made.manual_seed(seed)
    return torch.randn(sizes.tokens, sizes.width, generator=made)


def converted(folder: Path, target: Path, config: dict[str, Any]) -> Path:
    convert_prefix(folder, target, config, "base")
    return target


def one_rounding(ours: Any, theirs: Any) -> bool:
    """Whether pairs differ by no more than float32 rounds their length, twice over."""
    length = (
        theirs.unflatten(-1, (-1, 2)).norm(dim=-1, keepdim=True).expand(*ours.shape[:-1], -1, 2)
    )
    return bool(((ours - theirs).abs() <= 2 * 2**-23 * length.flatten(-2)).all())


def test_the_golden_prefix_comes_back_bit_for_bit_where_it_is_known(
    shared: Path, tmp_path: Path
) -> None:
    folder = shared / "golden" / "chatglm2" / "ptuning"
    config = json.loads((folder.parent / "config.json").read_text())
    original = read_prefix(folder, config)
    adapter = converted(folder, tmp_path / "adapter", config)
    before = (adapter / "adapter_model.safetensors").read_bytes()
    restored = write_ptuning(adapter, tmp_path / "ptuning", original)
    assert restored.rounded == 0
    assert restored.original == original.numel() // 4  # keys are half, of which half is rotated
    assert torch.equal(read_prefix(tmp_path / "ptuning", config), original)
    assert (adapter / "adapter_model.safetensors").read_bytes() == before


def test_the_golden_prefix_comes_back_within_one_rounding_where_it_is_not_known(
    shared: Path, tmp_path: Path
) -> None:
    folder = shared / "golden" / "chatglm2" / "ptuning"
    config = json.loads((folder.parent / "config.json").read_text())
    original = read_prefix(folder, config)
    adapter = converted(folder, tmp_path / "adapter", config)
    kept, sizes = read_adapter(adapter)
    restored = to_ptuning(kept, sizes)
    assert restored.original == 0
    assert not torch.equal(restored.values, original)
    assert one_rounding(restored.values, original)


def test_what_is_written_holds_the_tensor_under_the_name_that_picas_script_loads(
    shared: Path, tmp_path: Path
) -> None:
    """infer.py keeps the keys that begin with transformer.prefix_encoder."""
    folder = shared / "golden" / "chatglm2" / "ptuning"
    config = json.loads((folder.parent / "config.json").read_text())
    write_ptuning(converted(folder, tmp_path / "adapter", config), tmp_path / "ptuning")
    ours = torch.load(tmp_path / "ptuning" / "pytorch_model.bin", weights_only=True)
    theirs = torch.load(folder / "pytorch_model.bin", weights_only=True)
    assert {name: (each.shape, each.dtype) for name, each in ours.items()} == {
        name: (each.shape, each.dtype) for name, each in theirs.items()
    }
    assert json.loads((tmp_path / "ptuning" / "config.json").read_text())["pre_seq_len"] == 8


def test_converting_what_was_written_gives_the_adapter_beside_it_bit_for_bit(
    tmp_path: Path,
) -> None:
    config = {**CHATGLM2, "num_layers": 2}
    sizes = Sizes(tokens=7, layers=2, groups=2, channels=8)
    adapter = trained(tmp_path / "adapter", sizes)
    trained_values, found = read_adapter(adapter)
    assert found == sizes
    write_ptuning(adapter, tmp_path / "ptuning")
    again = converted(tmp_path / "ptuning", tmp_path / "again", config)
    shipped, _ = read_adapter(adapter)
    assert torch.equal(read_adapter(again)[0], shipped)
    assert one_rounding(shipped, trained_values)


def trained(folder: Path, sizes: Sizes) -> Path:
    """An adapter whose numbers no conversion made."""
    from safetensors import torch as safetensors

    told: Any = peft.PrefixTuningConfig(
        task_type=peft.TaskType.CAUSAL_LM,
        num_virtual_tokens=sizes.tokens,
        num_layers=sizes.layers,
        num_attention_heads=sizes.groups,
        token_dim=sizes.groups * sizes.channels,
        num_transformer_submodules=1,
        inference_mode=True,
    )
    told.save_pretrained(str(folder))
    files: Any = safetensors
    files.save_file({"prompt_embeddings": drawn(sizes, 5)}, folder / "adapter_model.safetensors")
    return folder


@settings(deadline=None, max_examples=40)
@given(sizes=SIZES, seed=st.integers(0, 2**32))
def test_whatever_the_sizes_there_and_back_is_exact_or_one_rounding(
    sizes: Sizes, seed: int
) -> None:
    original = drawn(sizes, seed)
    kept = from_ptuning(original, sizes)
    assert torch.equal(to_ptuning(kept, sizes, original).values, original)
    back = to_ptuning(kept, sizes)
    assert one_rounding(back.values, original)
    shape = (sizes.tokens, sizes.layers, 2, sizes.groups, sizes.channels)
    ours, theirs = back.values.reshape(shape), original.reshape(shape)
    assert torch.equal(ours[:, :, 1], theirs[:, :, 1]), "values are never rotated"
    half = sizes.channels // 2
    assert torch.equal(ours[..., half:], theirs[..., half:]), "nor the second half of the keys"


def test_what_training_changed_is_turned_back_and_the_rest_stays_the_originals() -> None:
    sizes = Sizes(tokens=3, layers=2, groups=1, channels=8)
    original = drawn(sizes)
    kept = from_ptuning(original, sizes)
    kept[1, 0] += 1.0  # token 1, layer 0, key: the first of its first pair
    restored = to_ptuning(kept, sizes, original)
    changed = restored.values != original
    assert changed.nonzero().tolist() == [[1, 0], [1, 1]]
    assert restored.rounded == 2
    assert one_rounding(from_ptuning(restored.values, sizes), kept)


def test_the_original_model_computes_with_the_way_back_what_peft_computed(tmp_path: Path) -> None:
    plan = plan_of(CHATGLM2)
    tensors = random_tensors(plan)
    adapter = trained(tmp_path / "adapter", Sizes(tokens=5, layers=2, groups=2, channels=8))
    ids = [3, 14, 15, 9, 26]
    with torch.no_grad():
        model = peft.PeftModel.from_pretrained(native(plan, tensors.__getitem__), adapter).eval()
        ours = model(torch.tensor([ids])).logits[0]
        write_ptuning(adapter, tmp_path / "ptuning")
        values = read_prefix(tmp_path / "ptuning", CHATGLM2)
        theirs = first_logits(Held(tensors), CHATGLM2, ids, values, layout="chatglm2")
        unturned, _ = read_adapter(adapter)
        wrong = first_logits(Held(tensors), CHATGLM2, ids, unturned, layout="chatglm2")
    assert float((ours - theirs).abs().max()) <= 1e-4
    assert float((ours - wrong).abs().max()) > 1e-2, "without turning back it is another prefix"


def test_an_original_of_other_sizes_is_refused() -> None:
    sizes = Sizes(tokens=3, layers=1, groups=1, channels=4)
    with pytest.raises(TrainingError, match=r"original prefix is \[2, 8\] and the trained one"):
        to_ptuning(drawn(sizes), sizes, drawn(Sizes(2, 1, 1, 4)))


@pytest.mark.parametrize("broken", ["nothing", "a lora"])
def test_what_is_no_prefix_adapter_is_refused(tmp_path: Path, broken: str) -> None:
    if broken == "a lora":
        trained(tmp_path, Sizes(1, 1, 1, 4))
        (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(TrainingError, match=str(tmp_path)):
        read_adapter(tmp_path)
