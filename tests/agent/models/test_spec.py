"""Models by name: what is not installed or not known is told with the remedy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qiaoban_agent import Companion
from qiaoban_agent.errors import MissingExtraError, ModelError
from qiaoban_agent.models import Scripted, model_from
from tests.policies import unannounced

HIDE = """
import sys
for name in {hidden!r}:
    sys.modules[name] = None
try:
    {code}
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("hidden", "code", "extra"),
    [
        (["openai"], "from qiaoban_agent import Companion; Companion(model='openai:x')", "openai"),
        (
            ["torch", "transformers"],
            "from qiaoban_agent import Companion; Companion(model='transformers:x')",
            "transformers",
        ),
        (
            ["langchain_core", "langchain_core.language_models"],
            "from qiaoban_agent.models.langchain import LangChainModel; LangChainModel(object())",
            "langchain",
        ),
        (
            ["presidio_analyzer"],
            "from qiaoban_guards.pii.presidio import recognizer; recognizer()",
            "pii",
        ),
    ],
)
def test_a_missing_extra_says_what_to_install(hidden: list[str], code: str, extra: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HIDE.format(hidden=hidden, code=code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(MissingExtraError.__name__)
    assert f'pip install "qiaoban-agent[{extra}]"' in done.stdout


def test_names_and_objects() -> None:
    model = Scripted("hi.")
    assert model_from("curated") is None
    assert model_from(model) is model
    for wrong in ("", "openai", "transformers:", "curated:x"):
        with pytest.raises(ModelError, match="write curated, openai:MODEL or transformers:PATH"):
            model_from(wrong)


def test_a_bare_string_is_said_every_turn() -> None:
    companion = Companion(unannounced(), Scripted("我在听。"))
    assert [companion.reply("嗯嗯呀", session="a").text for _ in range(3)] == ["我在听。"] * 3
