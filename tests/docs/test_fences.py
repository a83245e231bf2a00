"""What the documents say is run: code fences, transcripts, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

from qiaoban_agent import Companion
from qiaoban_guards.policy import parse_policy

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]


@pytest.mark.parametrize(
    "example", list(find_examples(*PAGES)), ids=lambda e: f"{e.path.name}:{e.start_line}"
)
def test_python_fences_run(example: CodeExample, eval_example: EvalExample) -> None:
    for package in ("langchain", "transformers"):
        if package in example.source:
            pytest.importorskip(package)
    if "qiaoban_finetune.evaluate" in example.source:
        pytest.importorskip("inspect_ai")
    eval_example.run(example)


@pytest.mark.parametrize("page", READMES, ids=lambda p: p.name)
def test_the_transcript_is_what_the_program_says(page: Path) -> None:
    found = re.search(
        r"<!-- transcript -->\n```text\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None
    turns = re.findall(r"^› (.*)\n  (.*)$", found[1], flags=re.MULTILINE)
    assert len(turns) >= 5
    companion = Companion()
    for child, reply in turns:
        assert companion.reply(child, session="terminal").text == reply


@pytest.mark.parametrize("page", READMES, ids=lambda p: p.name)
def test_the_policy_fence_is_a_policy(page: Path) -> None:
    fences = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert fences
    for fence in fences:
        assert parse_policy(fence).id


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
