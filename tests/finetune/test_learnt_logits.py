"""Leaving out the logits of what is not learnt changes neither the loss nor a gradient."""

from __future__ import annotations

from typing import Any

import pytest

from qiaoban_finetune.attention import use_document_attention
from qiaoban_finetune.collate import Packed, Padded
from qiaoban_finetune.encoding import IGNORED, Example
from qiaoban_finetune.learnt_logits import learnt_alone
from tests.finetune.test_attention import EXAMPLES, SHAPES, model_of

pytestmark = pytest.mark.models
torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")

LEARNT = 10
"""Tokens of EXAMPLES that have a label and one before them."""


def trained(model: Any, batch: dict[str, Any]) -> tuple[float, list[Any], int]:
    model.zero_grad()
    told = model(**batch, num_items_in_batch=torch.tensor(LEARNT))
    told.loss.backward()
    slopes = [each.grad.clone() for each in model.parameters() if each.grad is not None]
    return told.loss.item(), slopes, told.logits.shape[1]


@pytest.mark.parametrize("adapter", [False, True], ids=["whole", "adapter"])
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients_are_the_same(shape: str, adapter: bool) -> None:
    model = model_of(shape)
    if adapter:
        peft: Any = pytest.importorskip("peft")
        settings = peft.LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM")
        model = peft.get_peft_model(model, settings)
    use_document_attention(model)
    batch = Packed(0, 32)(EXAMPLES)
    fewer = learnt_alone(model, batch)
    assert fewer["shift_labels"].tolist()[0] == [
        label for label in batch["labels"][0].tolist() if label != IGNORED
    ]
    loss, slopes, computed = trained(model, batch)
    same, alike, left = trained(model, fewer)
    assert (computed, left) == (batch["input_ids"].shape[1], len(fewer["logits_to_keep"]))
    assert left == LEARNT < computed
    assert same == pytest.approx(loss, rel=1e-5)
    for wanted, found in zip(slopes, alike, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-6)


def test_a_wrapped_model_is_looked_into() -> None:
    model = model_of("llama")
    batch = Packed(0, 32)(EXAMPLES)
    assert "logits_to_keep" in learnt_alone(torch.nn.DataParallel(model), batch)


def test_what_cannot_be_left_out_is_not() -> None:
    """Rows side by side, a model without the argument, and a batch of which nothing is learnt."""
    model = model_of("llama")
    padded, packed = Padded(0)(EXAMPLES), Packed(0, 32)(EXAMPLES)
    assert learnt_alone(model, padded) is padded
    assert learnt_alone(torch.nn.Linear(1, 1), packed) is packed
    nothing = Packed(0, 8)([Example((5, 6), (IGNORED, IGNORED), "a")])
    assert learnt_alone(model, nothing) is nothing


def test_a_loss_of_the_models_own_is_left_alone() -> None:
    model = model_of("llama")
    model.loss_function = torch.nn.functional.cross_entropy
    packed = Packed(0, 32)(EXAMPLES)
    assert learnt_alone(model, packed) is packed
