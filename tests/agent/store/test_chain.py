"""The chain finds whatever was done to the audit without the key."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.events import Said
from qiaoban_agent.store import SqlStore, Write
from qiaoban_agent.store.chain import Head, Line, Seal, beginning, linked, moved, verify

SEAL = Seal(b"a key of the tests")
LINES = 8


class Kept:
    """Lines in a list, to be tampered with."""

    seal = SEAL

    def __init__(self) -> None:
        self.end = beginning(SEAL)
        self.all: list[Line] = []
        for number in range(LINES):
            line = linked(
                SEAL, self.end, session="s", at=float(number), kind="said", body=f"{number}"
            )
            self.end = moved(SEAL, self.end, line)
            self.all.append(line)

    def head(self) -> Head:
        return self.end

    def lines(self, after: int, limit: int) -> tuple[Line, ...]:
        return tuple(line for line in self.all if line.seq > after)[:limit]


WHICH = st.integers(0, LINES - 1)
TEXT = st.text(max_size=5)


@given(st.sets(WHICH))
def test_a_chain_holds_whatever_was_forgotten(forgotten: set[int]) -> None:
    kept = Kept()
    for which in forgotten:
        kept.all[which] = replace(kept.all[which], body=None)
    assert verify(kept).ok
    assert verify(kept).records == LINES


@given(
    WHICH,
    st.one_of(
        st.tuples(st.sampled_from(["session", "kind", "digest", "body", "previous", "hash"]), TEXT),
        st.tuples(st.just("at"), st.floats(allow_nan=False)),
    ),
)
def test_a_changed_field_is_found(which: int, change: tuple[str, Any]) -> None:
    kept = Kept()
    field, value = change
    if getattr(kept.all[which], field) == value:
        return
    kept.all[which] = replace(kept.all[which], **{field: value})
    result = verify(kept)
    assert not result.ok
    assert result.seq == which + 1


@given(st.sets(WHICH, min_size=1))
def test_removed_records_are_found_in_the_middle_and_at_the_end(gone: set[int]) -> None:
    kept = Kept()
    kept.all = [line for which, line in enumerate(kept.all) if which not in gone]
    result = verify(kept)
    assert not result.ok
    assert result.seq is not None
    assert result.problem.endswith("gone")
    assert result.records <= min(gone)


@given(st.permutations(range(LINES)))
def test_reordered_records_are_found(order: list[int]) -> None:
    kept = Kept()
    kept.all = [replace(kept.all[which], seq=place + 1) for place, which in enumerate(order)]
    assert verify(kept).ok is (order == sorted(order))


@given(st.integers(0, LINES - 1))
def test_an_end_that_was_set_back_together_with_the_records_is_found(left: int) -> None:
    kept = Kept()
    kept.all = kept.all[:left]
    before = kept.all[-1].hash if left else ""
    kept.end = Head(left, before, kept.end.seal)
    result = verify(kept)
    assert not result.ok
    assert "end of the chain" in result.problem


@given(st.binary(min_size=1, max_size=40))
def test_a_record_added_without_the_key_is_found(key: bytes) -> None:
    kept, forger = Kept(), Seal(key)
    line = linked(forger, kept.end, session="s", at=1.0, kind="said", body="forged")
    kept.all.append(line)
    assert not verify(kept).ok
    kept.end = moved(forger, kept.end, line)
    assert verify(kept).seq == LINES + 1


def test_a_record_written_while_the_audit_is_read_is_no_fault() -> None:
    class Busy(Kept):
        def lines(self, after: int, limit: int) -> tuple[Line, ...]:
            found = super().lines(after, limit)
            if not found and len(self.all) < LINES + 3:
                line = linked(SEAL, self.end, session="s", at=1.0, kind="said", body="more")
                self.end = moved(SEAL, self.end, line)
                self.all.append(line)
            return found

    assert verify(Busy()).records == LINES + 3


@given(TEXT, TEXT)
def test_a_digest_for_one_use_is_none_for_another(text: str, other: str) -> None:
    assert SEAL.of("text", text) != SEAL.of("line", text)
    assert (SEAL.of("text", text) == SEAL.of("text", other)) is (text == other)


STATEMENTS = {
    "at": "UPDATE qiaoban_records SET at = at + 1 WHERE seq = :seq",
    "session": "UPDATE qiaoban_records SET session = 'x' WHERE seq = :seq",
    "kind": "UPDATE qiaoban_records SET kind = 'staged' WHERE seq = :seq",
    "digest": "UPDATE qiaoban_records SET digest = 'x' WHERE seq = :seq",
    "body": "UPDATE qiaoban_records SET body = replace(body, '句', '词') WHERE seq = :seq",
    "gone": "DELETE FROM qiaoban_records WHERE seq = :seq",
    "tail": "DELETE FROM qiaoban_records WHERE seq >= :seq",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_tampering_in_a_database_is_found(
    sql: SqlStore, tamper: Callable[..., None], statement: str
) -> None:
    for number in range(6):
        sql.commit(Write("a", 1.0, (Said(text=f"第{number}句", by="policy"),) * 2))
    assert verify(sql).records == 12
    seq = random.Random(statement).randint(2, 12)
    tamper(sa.text(statement), {"seq": seq})
    result = verify(sql)
    assert not result.ok
    assert result.seq in (seq, seq + 1)
