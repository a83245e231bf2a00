"""inspect's own command finds the tasks, and runs them with its own model or a companion."""

from __future__ import annotations

import gc
import warnings
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

pytestmark = [pytest.mark.models, pytest.mark.slow]


SAID = "That sounds hard."


def answer(*_: object) -> Any:
    from inspect_ai.model import ModelOutput, ModelUsage

    output = ModelOutput.from_content("scripted", SAID)
    output.usage = ModelUsage()  # else inspect counts with a tokenizer that it downloads
    return output


def run(tmp_path: Path, **told: object) -> Any:
    from inspect_ai.model import get_model

    from qiaoban_finetune.evaluate import registry

    evaluated: Any = import_module("inspect_ai").eval
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # inspect leaves its streams open
        (log,) = evaluated(
            f"{registry.__file__}@attacks",
            model=get_model("mockllm/model", custom_outputs=answer),
            task_args=told,
            limit=4,
            log_dir=str(tmp_path),
            display="none",
            log_realtime=False,
            ctl_server=False,
            acp_server=False,
            notification=False,
        )
        gc.collect()
    return log


def test_the_package_tells_inspect_of_its_tasks() -> None:
    (found,) = entry_points(group="inspect_ai", name="qiaoban_finetune")
    tasks = found.load()
    made = {name: getattr(tasks, name)() for name in ("child_safety", "attacks", "coaching")}
    assert {name: task.name for name, task in made.items()} == {name: f"{name}-zh" for name in made}


def test_inspects_own_model_speaks_within_the_companion_or_alone(tmp_path: Path) -> None:
    within, alone = run(tmp_path, language="en"), run(tmp_path, language="en", bare=True)
    cards = [log.eval.metadata["subject"] for log in (within, alone)]
    assert [card["kind"] for card in cards] == ["companion", "model"]
    said = [sample.output.completion for sample in alone.samples]
    assert said == [SAID] * 4
    assert not any(sample.error for log in (within, alone) for sample in log.samples)
    assert all("right" in sample.scores["readings"].value for sample in within.samples)


def test_a_language_without_items_is_refused_in_words() -> None:
    from qiaoban_finetune.errors import ConfigError
    from qiaoban_finetune.evaluate.registry import dialogue

    with pytest.raises(ConfigError, match="zh or en"):
        dialogue(language="fr")
