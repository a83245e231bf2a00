"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "first"
down_revision: str | None = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make every table of an empty database, and the beginning of the chain."""
    op.create_table(
        "qiaoban_settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    head = op.create_table(
        "qiaoban_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", _NUMBER, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "", "seal": ""}])
    _create_records()
    _create_sessions()
    _create_cases()


def _create_records() -> None:
    op.create_table(
        "qiaoban_records",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("qiaoban_records_of_session", "qiaoban_records", ["session", "seq"])
    op.create_index(
        "qiaoban_records_with_event",
        "qiaoban_records",
        ["at"],
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )


def _create_sessions() -> None:
    op.create_table(
        "qiaoban_sessions",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("child", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("unread", sa.Text),
    )
    op.create_index("qiaoban_sessions_of_child", "qiaoban_sessions", ["child"])
    op.create_index("qiaoban_sessions_by_age", "qiaoban_sessions", ["at"])


def _create_cases() -> None:
    op.create_table(
        "qiaoban_cases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session", sa.Text),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.Double, nullable=False),
        sa.Column("closed_at", sa.Double),
        sa.Column("raise_at", sa.Double),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("qiaoban_cases_of_session", "qiaoban_cases", ["session"])
    op.create_index("qiaoban_cases_to_raise", "qiaoban_cases", ["raise_at"])
    op.create_index("qiaoban_cases_closed", "qiaoban_cases", ["closed_at", "level", "opened_at"])
    op.create_table(
        "qiaoban_deliveries",
        sa.Column("begun", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("case", sa.Text, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("qiaoban_deliveries_of_case", "qiaoban_deliveries", ["case", "begun"])
    op.create_index("qiaoban_deliveries_due", "qiaoban_deliveries", ["due_at"])
