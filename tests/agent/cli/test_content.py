"""`qiaoban content check`: every problem on a line, and where a topic has nothing of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from qiaoban_agent.cli import app
from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.lexicon import Lexicon
from qiaoban_agent.coaching.linter import Problem, check
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.schema import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")
FEW = """\
act: joke
lines:
- when: {}
  say: [%s]
"""


def content_check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["content", "check", *map(str, arguments)])


def copied(folder: Path, language: Language = "en") -> Path:
    with as_file(files("qiaoban_agent") / "content" / language) as shipped:
        shutil.copytree(shipped, folder)
    return folder


def lines_of(language: Language) -> int:
    return sum(len(Content.shipped(language).lines(act)) for act in Act)


@lru_cache
def found(language: Language) -> int:
    return len(check(files("qiaoban_agent") / "content" / language, language, load_policy()))


@pytest.mark.slow
def test_shipped_content_is_checked_in_both_languages() -> None:
    done = content_check()
    for language in LANGUAGES:
        assert f"{language}: {lines_of(language):,} lines, {found(language):,} problem" in (
            done.stdout
        )
    assert done.exit_code == (1 if found("zh") + found("en") else 0)


def test_a_language_alone_is_that_of_the_shipped_content() -> None:
    done = content_check("--lang", "en")
    assert "en: " in done.stdout
    assert "zh: " not in done.stdout


def test_a_problem_is_told_with_its_act_and_line_and_makes_the_status_1(tmp_path: Path) -> None:
    folder = copied(tmp_path / "content")
    long = "Knock, knock. " * 20
    (folder / "joke.yaml").write_text(FEW % f'"{long.strip()}"', encoding="utf-8")
    done = content_check(folder, "--lang", "en")
    assert done.exit_code == 1
    assert f"en joke: “{long.strip()}” {len(long.strip())} characters, at most 200" in (
        done.stdout.splitlines()
    )


def test_a_place_with_nothing_to_say_is_a_problem(tmp_path: Path) -> None:
    folder = copied(tmp_path / "content")
    only = (FEW % '"You sound sad."').replace("joke", "notice").replace("{}", "{emotion: sadness}")
    (folder / "notice.yaml").write_text(only, encoding="utf-8")
    done = content_check(folder, "--lang", "en")
    assert done.exit_code == 1
    assert "en notice: no line for anger, notice, 5-8" in done.stdout.splitlines()
    assert "no line for sadness, notice" not in done.stdout


def test_content_without_a_problem_makes_the_status_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_wrong(*_: object) -> list[Problem]:
        return []

    monkeypatch.setattr("qiaoban_agent.cli.content.check", nothing_wrong)
    done = content_check(copied(tmp_path / "content"), "--lang", "en")
    assert done.exit_code == 0
    assert done.stdout == f"en: {lines_of('en'):,} lines, 0 problems\n"


@pytest.mark.slow
def test_coverage_has_every_topic_and_fits_100_columns() -> None:
    done = content_check("--lang", "zh", "--coverage")
    table = [line for line in done.stdout.splitlines() if line.startswith(("│", "┃"))]
    assert max(map(len, table)) <= 100
    shown = {row.split("│")[1].strip() for row in table if row.startswith("│")} - {""}
    assert shown == {topic.topic for topic in Lexicon.shipped("zh").topics}
    assert "…" not in "".join(table)
    for head in ("topic", "age", "notice", "understand", "accept", "explore", "savour", "close"):
        assert head in table[0]


@pytest.mark.slow
def test_coverage_counts_a_topics_own_lines_over_emotions_and_ages(tmp_path: Path) -> None:
    folder = copied(tmp_path / "content")
    (folder / "notice.yaml").write_text(
        "act: notice\nlines:\n"
        "- when: {}\n  say: [Something is going on in you.]\n"
        "- when: {topic: tooth}\n  say: [That tooth has been on your mind.]\n"
        "- when: {topic: tooth, age: 5-8, emotion: sadness}\n  say: [A sad and wobbly tooth.]\n",
        encoding="utf-8",
    )
    table = content_check(folder, "--lang", "en", "--coverage").stdout.splitlines()
    rows = [[cell.strip() for cell in row.split("│")[1:4]] for row in table if "│" in row]
    place = next(n for n, row in enumerate(rows) if row[0] == "tooth")
    by_age: dict[str, str] = {}
    for row in rows[place : place + 3]:
        if row is rows[place] or row[0] == "":
            by_age.update(dict.fromkeys(row[1].split(", "), row[2]))
    assert by_age == {"5-8": "1–2", "9-12": "1", "13-17": "1"}


def test_what_cannot_be_checked_is_told_with_status_2(tmp_path: Path) -> None:
    folder = copied(tmp_path / "content")
    (folder / "joke.yaml").write_text("act: joke\nlines: 3\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for arguments, told in [
        ((folder,), "FOLDER needs --lang"),
        ((folder, "--lang", "fr"), "fr"),
        ((folder, "--lang", "en"), "joke.yaml:2:1: lines:"),
        ((tmp_path / "empty", "--lang", "en"), "no lines for"),
        ((tmp_path / "none", "--lang", "en"), "does not exist"),
        ((folder / "joke.yaml", "--lang", "en"), "is a file"),
    ]:
        done = content_check(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert told in done.stderr


@pytest.mark.slow
def test_it_runs_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "qiaoban_agent", "content", "check", "--lang", "en"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (1 if found("en") else 0)
    assert f"en: {lines_of('en'):,} lines" in done.stdout.decode()
    assert done.stderr == b""
