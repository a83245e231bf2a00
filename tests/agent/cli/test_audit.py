"""`qiaoban audit`: verify, export and purge."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qiaoban_agent.cli.audit import audit
from qiaoban_agent.events import Said
from qiaoban_agent.session import Session
from qiaoban_agent.store import SqlStore, Write

RUN = CliRunner()
DAY = 86_400.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with a session of long ago and one of today."""
    path = tmp_path / "a.db"
    now = time.time()
    with closing(SqlStore(str(path))) as store:
        for name, at in (("old", now - 10_000 * DAY), ("new", now)):
            store.commit(Write(name, at, (Said(text="你好", by="policy"),) * 2, Session()))
    return path


def test_an_audit_that_holds_is_told_with_its_last_hash(file: Path) -> None:
    result = RUN.invoke(audit, ["verify", "--store", f"sqlite:///{file}"])
    assert result.exit_code == 0, result.output
    with closing(SqlStore(str(file))) as store:
        assert result.output == f"the audit holds: 4 records, the last {store.head().hash}\n"


def test_an_audit_that_was_changed_fails_and_tells_where(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE qiaoban_records SET body = '{}' WHERE seq = 3")
    result = RUN.invoke(audit, ["verify", "--store", str(file)])
    assert result.exit_code == 1
    assert "record 3: its event was changed; the 2 records before it do" in result.stderr


def test_another_key_is_told_in_one_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIAOBAN_AUDIT_KEY", "another")
    result = RUN.invoke(audit, ["verify", "--store", str(file)])
    assert result.exit_code == 2
    assert "made with another key" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "export"])
def test_a_store_that_is_not_there_is_not_made(command: str, tmp_path: Path) -> None:
    result = RUN.invoke(audit, [command, "--store", str(tmp_path / "none.db")])
    assert result.exit_code == 2
    assert "there is no store at" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_url_of_nothing_is_told_in_one_line() -> None:
    result = RUN.invoke(audit, ["verify", "--store", "mysql://host/name"])
    assert result.exit_code == 2
    assert "not kept in mysql" in result.stderr


def test_an_export_is_one_record_a_line_in_a_file_for_its_owner(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    arguments = ["export", "--store", str(file), "--output", str(output)]
    assert RUN.invoke(audit, arguments).exit_code == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4]
    assert "你好" in lines[0]
    assert output.stat().st_mode & 0o777 == 0o600
    assert RUN.invoke(audit, arguments).exit_code == 2, "no file is overwritten"


def test_an_export_goes_to_the_terminal_and_may_be_of_one_session(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    export = next(c for c in audit.registered_commands if c.name == "export").callback
    assert export is not None
    export(str(file), session="new", output=None)
    lines = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [3, 4]


def test_a_purge_does_what_the_policy_says_and_the_audit_still_holds(file: Path) -> None:
    arguments = ["purge", "--store", str(file), "--policy", "default"]
    result = RUN.invoke(audit, arguments)
    assert result.output == "removed: 1 sessions, 2 events, 0 cases\n"
    assert RUN.invoke(audit, ["verify", "--store", str(file)]).exit_code == 0
    with closing(SqlStore(str(file))) as store:
        assert store.load("old") is None
        assert store.load("new") == Session()


def test_a_policy_that_is_none_is_told_and_nothing_is_removed(file: Path) -> None:
    result = RUN.invoke(audit, ["purge", "--store", str(file), "--policy", "no such policy"])
    assert result.exit_code == 2
    with closing(SqlStore(str(file))) as store:
        assert store.load("old") == Session()
