"""Where sessions, the audit trail and the outbox of escalations are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiaoban_agent.errors import MissingExtraError
from qiaoban_agent.store.base import Before, Receipt, Record, Store, Write
from qiaoban_agent.store.errors import StoreError
from qiaoban_agent.store.memory import MemoryStore

if TYPE_CHECKING:
    from qiaoban_agent.store.sql import SqlStore

__all__ = [
    "Before",
    "MemoryStore",
    "Receipt",
    "Record",
    "SqlStore",
    "Store",
    "StoreError",
    "Write",
    "store_from",
]


def store_from(store: Store | str | Path | None) -> Store:
    """A store as an app names it: its own, a database's address, or memory.

    Raises MissingExtraError and StoreError for a database that cannot be used.
    """
    if store is None:
        return MemoryStore()
    if isinstance(store, (str, Path)):
        return _sql_store()(str(store))
    return store


def __getattr__(name: str) -> Any:
    """SqlStore, whose packages are an extra, is imported when it is asked for."""
    if name != "SqlStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _sql_store()


def _sql_store() -> type[SqlStore]:
    try:
        from qiaoban_agent.store.sql import SqlStore
    except ModuleNotFoundError as error:
        raise MissingExtraError("a store in SQL", "sql") from error
    return SqlStore
