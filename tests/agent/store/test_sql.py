"""What a SQL store does beyond the others: tables, keys, files, and rows it cannot read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from qiaoban_agent.errors import MisuseError
from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.events import Heard
from qiaoban_agent.session import Session
from qiaoban_agent.store import SqlStore, StoreError, Write, store_from
from qiaoban_agent.store.chain import verify
from qiaoban_agent.store.database import KEY_VARIABLE, engine_of
from qiaoban_agent.store.tables import SCHEMA, metadata
from qiaoban_guards.risk import Category, RiskLevel

SECRET = "我有一个秘密"
Tamper = Callable[..., None]


def test_what_was_committed_outlives_the_store(url: str) -> None:
    first = SqlStore(url)
    first.commit(Write("a", 1.0, (Heard(text="你好"),), Session(turns=4)))
    first.close()
    second = SqlStore(url)
    assert second.load("a") == Session(turns=4)
    assert second.trail("a") == (Heard(text="你好"),)
    assert second.digest("a") == first.digest("a")
    assert verify(second).ok
    second.close()


def test_the_migrations_make_the_tables_that_the_code_knows(sql: SqlStore, url: str) -> None:
    engine = engine_of(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "qiaoban_version", "compare_type": True}
        )
        assert context.get_current_revision() == SCHEMA
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_newer_database_is_refused_and_left_alone(
    sql: SqlStore, url: str, tamper: Tamper
) -> None:
    sql.commit(Write("a", 1.0, (), Session(turns=4)))
    tamper(sa.text("UPDATE qiaoban_version SET version_num = 'of tomorrow'"))
    with pytest.raises(StoreError, match=r"newer version.*upgrade qiaoban-agent"):
        SqlStore(url)
    assert sql.load("a") == Session(turns=4)


def test_an_empty_database_may_be_opened_by_many_at_once(url: str) -> None:
    code = "import sys; from qiaoban_agent.store import SqlStore, Write; s = SqlStore(sys.argv[1])"
    many = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[1].decode() for process in many] == [""] * 3


def test_a_key_that_was_given_is_asked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    SqlStore(url, key=b"one").close()
    with pytest.raises(StoreError, match=f"made with a key: pass it, or set {KEY_VARIABLE}"):
        SqlStore(url)
    with pytest.raises(StoreError, match="another key"):
        SqlStore(url, key=b"two")
    monkeypatch.setenv(KEY_VARIABLE, "one")
    SqlStore(url).close()
    SqlStore(url, key=b"one").close()


def test_a_key_of_the_databases_own_is_found_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = SqlStore(url)
    second = SqlStore(url)
    assert first.digest("a") == second.digest("a")
    monkeypatch.setenv(KEY_VARIABLE, "one")
    with pytest.raises(StoreError, match="it keeps its own"):
        SqlStore(url)
    first.close()
    second.close()


def test_a_session_that_cannot_be_read_is_named_and_not_lost(
    sql: SqlStore, tamper: Tamper, url: str
) -> None:
    sql.commit(Write("a", 1.0, (), Session(turns=1)))
    old = f'{{"turns": "{SECRET}"}}'
    tamper(sa.text("UPDATE qiaoban_sessions SET body = :body"), {"body": old})
    with pytest.raises(StoreError, match=sql.digest("a")) as raised:
        sql.load("a")
    assert SECRET not in str(raised.value)
    sql.commit(Write("a", 2.0, (), Session(turns=2)))
    assert sql.load("a") == Session(turns=2)
    engine = engine_of(url)
    with engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT unread FROM qiaoban_sessions")).scalar()
    engine.dispose()
    assert kept == old


def test_an_event_that_cannot_be_read_is_named_and_still_verified(
    sql: SqlStore, tamper: Tamper
) -> None:
    sql.commit(Write("a", 1.0, (Heard(text=SECRET),)))
    tamper(sa.text("""UPDATE qiaoban_records SET body = '{"kind": "of tomorrow"}'"""))
    with pytest.raises(StoreError, match="record 1 of the audit"):
        list(sql.audit())
    assert verify(sql).problem == "its event was changed"


def test_one_call_for_help_that_cannot_be_read_keeps_no_other_back(
    sql: SqlStore, tamper: Tamper
) -> None:
    for name in ("broken", "whole"):
        case = Case(
            id=name,
            session=name,
            opened_at=1.0,
            level=RiskLevel.HIGH,
            categories=(Category.ABUSE,),
            turn=1,
            policy="default",
            raise_at=2.0,
        )
        sql.commit(Write(name, 1.0, case=case, deliveries=(Delivery.of(case, "r", 1.0),)))
    tamper(sa.text("UPDATE qiaoban_cases SET body = '{}' WHERE id = 'broken'"))
    tamper(sa.text("""UPDATE qiaoban_deliveries SET body = '{}' WHERE "case" = 'broken'"""))
    assert [case.id for case in sql.to_raise(9.0)] == ["whole"]
    assert [delivery.case for delivery in sql.due(9.0, lease=5.0)] == ["whole"]
    sql.commit(Write("whole", 2.0, deliveries=(Delivery.of(case, "r", 99.0),)))
    with pytest.raises(StoreError, match="the delivery broken-"):
        sql.due(20.0, lease=5.0)


def test_a_head_that_was_removed_is_told(sql: SqlStore, tamper: Tamper) -> None:
    tamper(sa.text("DELETE FROM qiaoban_head"))
    with pytest.raises(StoreError, match="the end of the audit's chain is gone"):
        sql.commit(Write("a", 1.0, (Heard(text="你好"),)))


def test_an_error_of_the_database_holds_no_word_of_the_child(sql: SqlStore, tamper: Tamper) -> None:
    tamper(sa.text("DROP TABLE qiaoban_sessions"))
    with pytest.raises(DBAPIError) as raised:
        sql.commit(Write(SECRET, 1.0, (), Session(last_heard=SECRET)))
    assert SECRET not in str(raised.value)


def test_a_file_is_for_its_owner_alone_and_its_log_too(tmp_path: Path) -> None:
    file = tmp_path / "孩子.db"
    store = SqlStore(str(file))
    store.commit(Write("a", 1.0, (), Session()))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    store.close()
    assert set(modes) >= {"孩子.db", "孩子.db-wal"}
    assert set(modes.values()) == {0o600}


def test_nothing_of_what_was_forgotten_is_left_in_the_file(tmp_path: Path) -> None:
    store = SqlStore(str(tmp_path / "a.db"))
    for turn in range(30):
        state = Session(turns=turn, last_heard=SECRET * 200, child=SECRET)
        store.commit(Write(SECRET, 1.0, (Heard(text=SECRET),), state))
    store.commit(Write("another", 1.0, (Heard(text="留下"),)))

    def somewhere(text: str) -> bool:
        return any(text.encode() in path.read_bytes() for path in tmp_path.iterdir())

    assert somewhere(SECRET)
    store.forget(SECRET, 2.0)
    assert not somewhere(SECRET)
    assert somewhere("留下")
    store.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://host/name", "not kept in mysql"),
        ("nonsense://", "not kept in nonsense"),
        ("://", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_told(url: str, problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        SqlStore(url)


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="32 random bytes"):
        SqlStore(str(tmp_path / "a.db"), key=b"")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened for writing: No such file"):
        SqlStore(str(tmp_path / "none" / "a.db"))


def test_a_server_that_is_not_there_is_an_error_and_no_wait(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="out of reach"):
        SqlStore(f"postgresql://nobody@/none?host={tmp_path}")


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database", encoding="utf-8")
    with pytest.raises(StoreError, match="no database of qiaoban-agent"):
        SqlStore(str(path))


def test_a_path_names_a_store(tmp_path: Path) -> None:
    store = store_from(tmp_path / "a.db")
    assert isinstance(store, SqlStore)
    store.close()


@pytest.mark.parametrize(
    ("missing", "url", "extra"),
    [("sqlalchemy", "a.db", "sql"), ("psycopg", "postgresql://host/name", "postgresql")],
)
def test_a_missing_package_is_told_with_what_to_install(
    missing: str, url: str, extra: str, tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from qiaoban_agent.errors import MissingExtraError\n"
        "import qiaoban_agent.store as store\n"
        f"try: store.SqlStore({url!r})\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert f"qiaoban-agent[{extra}]" in done.stdout, done.stderr
