"""Small runs for tests: a companion's own prompts with replies to teach, and a model to teach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from qiaoban_agent import Companion
from qiaoban_agent.models.base import Message
from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.run_card import read_card
from qiaoban_finetune.saving import checkpoints
from tests.policies import unannounced

SAID = "我今天和好朋友吵架了。"
TAUGHT = "吵架了心里一定不好受。你们是怎么吵起来的呀？"
OTHERS = (
    ("小猫不见了，我好难过。", "你很想它，难过是很自然的。它是什么时候不见的？"),
    ("老师表扬我了！", "听起来你好开心呀！是因为什么事情表扬你的？"),
    ("晚上我怕黑。", "黑黑的时候会害怕，很多小朋友都这样。你最怕的是什么？"),
)
TAUGHT_LATER = OTHERS[2][1]
"""Another reply to what is said first: words that the model knows, where it did not say them."""


class _Listener:
    """Stands for a model and keeps what it is asked."""

    messages: Sequence[Message] = ()

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        self.messages = list(messages)
        return iter(["嗯，我在听。"])


def prompt(said: str) -> list[Message]:
    """What a companion's model is given for a first message."""
    listener = _Listener()
    Companion(unannounced(), model=listener).reply(said, session="one")
    return list(listener.messages)


def answer(run: Path, said: str = SAID) -> str:
    """What a companion says that talks with the result of a run."""
    companion = Companion(unannounced(), model=f"transformers:{run / 'final'}")
    return companion.reply(said, session="one").text


def write_dialogues(file: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    """Dialogues of one turn, each with the companion's own words before it."""
    rows = [
        {"messages": [*prompt(said), {"role": "assistant", "content": reply}]}
        for said, reply in pairs
    ]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return file


def settings(folder: Path, file: Path, /, **sections: Mapping[str, Any] | Any) -> dict[str, Any]:
    """A configuration as plain data; `sections` are laid over it, key by key."""
    plain: dict[str, Any] = {
        "model": {
            "base": str(folder / "base"),
            "template": "qiaoban",
            "precision": "fp32",
            "random": {
                "vocabulary": 600,
                "layers": 2,
                "width": 64,
                "heads": 4,
                "inner_width": 128,
                "positions": 1024,
            },
        },
        "data": {
            "train": [{"path": str(file), "format": "openai", "licence": "CC0-1.0"}],
            "max_tokens": 512,
        },
        "optimiser": {
            "learning_rate": 3e-3,
            "epochs": 1000,
            "max_steps": 60,
            "global_batch": 4,
            "micro_batch": 2,
            "warmup_steps": 5,
            "schedule": "cosine",
        },
        "checkpoints": {"every_steps": 1000},
        "logging": {"every_steps": 1, "tensorboard": False},
        "output": str(folder / "run"),
    }
    for name, section in sections.items():
        old = plain.get(name)
        if isinstance(section, Mapping) and isinstance(old, dict):
            plain[name] = {**cast("dict[str, Any]", old), **section}
        else:
            plain[name] = section
    return plain


def configured(folder: Path, file: Path, /, **sections: Mapping[str, Any] | Any) -> TrainingConfig:
    """The same as a configuration."""
    return parse_config(settings(folder, file, **sections), origins=[("the test", "{}")])


def history(run: Path) -> list[dict[str, Any]]:
    """What the run's newest checkpoint has logged."""
    state = json.loads((checkpoints(run)[-1] / "trainer_state.json").read_text("utf-8"))
    return list(state["log_history"])


def losses(run: Path) -> list[float]:
    """The training loss of each step."""
    return [each["loss"] for each in history(run) if "loss" in each]


def card(run: Path) -> dict[str, Any]:
    """The run's card."""
    read = read_card(run)
    assert read is not None
    return read


STEPS, EVERY = 14, 4
"""Of an eventful run: its length, and after how many steps it has a checkpoint."""


def eventful(folder: Path, base: Path, file: Path, /, **sections: Any) -> TrainingConfig:
    """A run with chance in it (dropout), epochs that end within a step, and checkpoints."""
    told: dict[str, Any] = {
        "model": {"base": str(base), "random": None},
        "method": {"kind": "lora", "rank": 4, "dropout": 0.2},
        "data": {"packing": False, "validation": 1},
        "optimiser": {"max_steps": STEPS},
        "checkpoints": {"every_steps": EVERY, "keep": 2},
        "logging": {"every_steps": 1, "validate_every_steps": 5},
    }
    for name, section in sections.items():
        told[name] = {**told.get(name, {}), **section} if isinstance(section, dict) else section
    return configured(folder, file, **told)


def numbers(run: Path) -> list[dict[str, Any]]:
    """Everything that was logged step by step; how long it took is not of interest."""
    return [each for each in history(run) if "train_runtime" not in each]
