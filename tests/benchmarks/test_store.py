"""How many durable commits a second, beside plain sqlite3, and that none costs more with size."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from qiaoban_agent.coaching.memory import Memory
from qiaoban_agent.events import Event, Finished, Heard, Said
from qiaoban_agent.session import Session
from qiaoban_agent.store import MemoryStore, SqlStore, Write
from qiaoban_agent.store.database import WRITES, engine_of
from qiaoban_agent.store.tables import cases, deliveries, records, sessions

TURN: tuple[Event, ...] = (
    Heard(text="我今天考砸了，不敢回家", digest="0" * 64),
    Said(text="考砸了，你心里一定很难受。", by="curated"),
    Finished(text="考砸了，你心里一定很难受。"),
)
STATE = Session(turns=3, last_heard="我今天考砸了", memory=Memory(likes=("画画", "足球")))
THREADS = 2


def write_of(name: str) -> Write:
    return Write(name, 1.0, TURN, STATE)


def rate(work: Callable[[int], None], commits: int) -> float:
    """Commits a second, of two threads that do `work` as fast as they can."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(commits)))
    return commits / (time.perf_counter() - began)


@contextmanager
def plain(path: Path) -> Generator[Callable[[int], None]]:
    """One row a commit with the driver alone, as durable as the store: WAL, FULL, IMMEDIATE."""
    connections: list[sqlite3.Connection] = []
    for _ in range(THREADS):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connections.append(connection)
    connections[0].execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, body TEXT)")
    body = STATE.model_dump_json()

    def work(number: int) -> None:
        connection = connections.pop()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO plain (body) VALUES (?)", (f"{body}{number}",))
        connection.execute("COMMIT")
        connections.append(connection)

    yield work
    for connection in connections:
        connection.close()


@pytest.mark.benchmark(group="store")
def test_a_durable_commit_beside_one_row_of_plain_sqlite(benchmark: Any, tmp_path: Path) -> None:
    commits = 2000 if benchmark.enabled else 20
    with closing(SqlStore(str(tmp_path / "store.db"))) as store:
        numbers = count()
        benchmark(lambda: store.commit(write_of(f"{next(numbers)}")))
        with plain(tmp_path / "plain.db") as work:
            ours = rate(lambda number: store.commit(write_of(f"s{number}")), commits)
            theirs = rate(work, commits)
    sys.stdout.write(
        f"\ndurable commits of a turn, {THREADS} threads: {ours:.0f}/s; one row of plain sqlite3: "
        f"{theirs:.0f}/s; {ours / theirs:.2f} of it\n"
    )


@pytest.mark.benchmark(group="store")
def test_a_commit_in_memory(benchmark: Any) -> None:
    store, numbers = MemoryStore(), count()
    benchmark(lambda: store.commit(write_of(f"{next(numbers) % 100}")))


def fill(url: str, store: SqlStore, begin: int, end: int) -> None:
    """Sessions `begin` to `end` with a turn each, put there at once: the chain is not read here."""
    engine, body = engine_of(url), STATE.model_dump_json()
    names = [store.digest(f"filled {number}") for number in range(begin, end)]
    with engine.connect().execution_options(**WRITES) as connection, connection.begin():
        connection.execute(
            sa.insert(sessions),
            [{"digest": d, "name": '"n"', "child": d, "at": 1.0, "body": body} for d in names],
        )
        connection.execute(
            sa.insert(records),
            [
                {
                    "seq": -1 - begin * len(TURN) - place,
                    "at": 1.0,
                    "session": names[place // len(TURN)],
                    "kind": TURN[place % len(TURN)].kind,
                    "digest": "d" * 64,
                    "body": TURN[place % len(TURN)].model_dump_json(),
                    "previous": "p" * 64,
                    "hash": "h" * 64,
                }
                for place in range(len(names) * len(TURN))
            ],
        )
        closed, told = closed_case(), {"due_at": None, "body": "{}"}
        connection.execute(sa.insert(cases), [{**closed, "id": d, "session": d} for d in names])
        connection.execute(sa.insert(deliveries), [{**told, "id": d, "case": d} for d in names])
    engine.dispose()


def closed_case() -> dict[str, Any]:
    """The row of a case that was dealt with, but for its id and session."""
    return {"level": 3, "opened_at": 1.0, "closed_at": 2.0, "raise_at": None, "body": "{}"}


def best(work: Callable[[int], Any], times: int) -> float:
    """Seconds, the best of `times`: what the disk's other users take is not ours."""
    took: list[float] = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - began)
    return min(took)


@pytest.mark.slow
def test_no_commit_costs_more_because_many_sessions_are_stored(tmp_path: Path) -> None:
    """The growth, from a hundred stored sessions to a hundred thousand."""
    url = f"sqlite:///{tmp_path}/store.db"
    costs: dict[str, list[float]] = {"commit": [], "load": [], "trail": [], "due": []}
    costs |= {"cases": [], "open_case": [], "to_raise": []}
    with closing(SqlStore(url)) as store:
        stored = 0
        for size in (100, 1_000, 10_000, 100_000):
            fill(url, store, stored, size)
            stored = size
            costs["commit"].append(best(lambda n: store.commit(write_of(f"{n % 50}")), 150))
            costs["load"].append(best(lambda n: store.load(f"filled {n}"), 100))
            costs["trail"].append(best(lambda n: store.trail(f"filled {n}"), 100))
            costs["cases"].append(best(lambda _: store.cases(), 100))
            costs["open_case"].append(best(lambda n: store.open_case(f"filled {n}"), 100))
            costs["to_raise"].append(best(lambda n: store.to_raise(float(n)), 100))
            costs["due"].append(best(lambda n: store.due(float(n), lease=1.0), 100))
    for what, took in costs.items():
        figures = ", ".join(f"{seconds * 1000:.2f}" for seconds in took)
        sys.stdout.write(f"\n{what} with 10², 10³, 10⁴, 10⁵ sessions: {figures} ms\n")
        assert took[-1] <= 4 * took[0], f"{what} grows with the number of sessions: {figures} ms"
