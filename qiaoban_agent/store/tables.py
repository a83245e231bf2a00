"""The tables of the SQL store, as the newest migration leaves them.

Rows are found by keyed digests of names, never by the names. Times are seconds (Unix); JSON is kept
as text, so that what was sealed is what is read.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = "first"
"""The newest migration; one step a change of these tables, in `migrations/versions`."""

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

metadata = sa.MetaData()

settings = sa.Table(
    "qiaoban_settings",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

head = sa.Table(
    "qiaoban_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", _Number, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("seal", sa.Text, nullable=False),
)
"""One row: the end of the chain."""

records = sa.Table(
    "qiaoban_records",
    metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("qiaoban_records_of_session", "session", "seq"),
    sa.Index(
        "qiaoban_records_with_event",
        "at",
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    ),
)
"""The audit; nothing but `body` is ever changed, and that only to NULL."""

sessions = sa.Table(
    "qiaoban_sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("child", sa.Text),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("unread", sa.Text),
    sa.Index("qiaoban_sessions_of_child", "child"),
    sa.Index("qiaoban_sessions_by_age", "at"),
)
"""`unread` keeps a body that could not be read, when a newer one takes its place."""

cases = sa.Table(
    "qiaoban_cases",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("session", sa.Text),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("closed_at", sa.Double),
    sa.Column("raise_at", sa.Double),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("qiaoban_cases_of_session", "session"),
    sa.Index("qiaoban_cases_to_raise", "raise_at"),
    sa.Index("qiaoban_cases_closed", "closed_at", "level", "opened_at"),
)
"""`session` is NULL once the case was stripped of it; `closed_at` while it is not closed."""

deliveries = sa.Table(
    "qiaoban_deliveries",
    metadata,
    sa.Column("begun", _Number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("case", sa.Text, nullable=False),
    sa.Column("due_at", sa.Double),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("qiaoban_deliveries_of_case", "case", "begun"),
    sa.Index("qiaoban_deliveries_due", "due_at"),
)
"""`due_at` is NULL for one that is over, and the end of its lease for one that was taken."""
