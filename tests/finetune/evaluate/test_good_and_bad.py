"""Every task tells the curated companion and a bad model apart, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from qiaoban_finetune.evaluate.companions import CompanionSubject, companion_for
from qiaoban_finetune.evaluate.evaluation import Asked, evaluate
from qiaoban_finetune.evaluate.items import TASKS, TaskName
from qiaoban_finetune.evaluate.paired import compare
from qiaoban_finetune.evaluate.shipped import LANGUAGES
from qiaoban_finetune.evaluate.subjects import bare_model
from qiaoban_guards.policy.types import Language

pytest.importorskip("inspect_ai")
pytestmark = pytest.mark.slow
ITEMS = 45
"""Of each set: about nine contrast groups, of which eight that move are p < 0.01."""


@pytest.fixture(scope="module")
def companions() -> dict[Language, CompanionSubject]:
    return {language: companion_for(language, None) for language in LANGUAGES}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_tells_good_from_bad(
    task: TaskName, companions: dict[Language, CompanionSubject], tmp_path: Path
) -> None:
    asked = [Asked(task, language, limit=ITEMS) for language in LANGUAGES]
    good = evaluate(asked, companions.__getitem__, tmp_path / "good")
    bad = evaluate(asked, lambda one: bare_model("replies:bad", one), tmp_path / "bad")
    headlines = [one for one in compare(bad, good).differences if one.headline]
    assert [one.task for one in headlines] == [f"{task}-zh", f"{task}-en"]
    for one in headlines:
        assert one.difference.low > 0
        assert one.p < 0.01
    assert not any(item.error for run in (good, bad) for r in run.results for item in r.items)
