"""A policy that is edited while a conversation goes on."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from qiaoban_agent import Companion
from qiaoban_agent.cli import app
from qiaoban_agent.cli.watching import PolicyWatch

OWN = "extends: {parent}\nid: own\ntitle: {title}\n"


def _written(path: Path, title: str, parent: str = "default") -> str:
    path.write_text(OWN.format(title=title, parent=parent), encoding="utf-8")
    return str(path)


def test_a_change_is_put_in_force_once(tmp_path: Path) -> None:
    name = _written(tmp_path / "own.yaml", "first")
    companion = Companion(name)
    watch = PolicyWatch(companion, name)
    assert watch.look() == ""
    _written(tmp_path / "own.yaml", "the second")
    assert watch.look() == "policy own is in force anew"
    assert companion.policy.title == "the second"
    assert watch.look() == ""


def test_a_change_of_what_it_extends_counts(tmp_path: Path) -> None:
    parent = _written(tmp_path / "parent.yaml", "parent")
    child = tmp_path / "child.yaml"
    child.write_text("extends: parent.yaml\nid: child\n", encoding="utf-8")
    companion = Companion(str(child))
    watch = PolicyWatch(companion, str(child))
    _written(Path(parent), "another parent")
    assert watch.look()
    assert companion.policy.title == "another parent"


def test_a_broken_change_is_told_and_leaves_the_policy_in_force(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    name = _written(path, "first")
    companion = Companion(name)
    watch = PolicyWatch(companion, name)
    path.write_text("extends: default\nid: own\nrisk: {escalat_at: high}\n", encoding="utf-8")
    told = watch.look()
    assert "escalat_at" in told
    assert "the policy before stays in force" in told
    assert companion.policy.title == "first"
    _written(path, "mended")
    assert watch.look()
    assert companion.policy.title == "mended"


def test_a_file_that_is_gone_leaves_the_policy_in_force(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    name = _written(path, "first")
    companion = Companion(name)
    watch = PolicyWatch(companion, name)
    path.unlink()
    assert "stays in force" in watch.look()
    assert companion.policy.title == "first"


def test_a_conversation_may_be_watched(tmp_path: Path) -> None:
    name = _written(tmp_path / "own.yaml", "first")
    result = CliRunner().invoke(app, ["chat", "--policy", name, "--watch"], input="我有点烦\n")
    assert result.exit_code == 0
    assert "我有点烦" in result.output
