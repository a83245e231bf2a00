"""Run by alembic: bring the database behind `config.attributes["connection"]` to a version.

The transaction is the caller's, so that two processes that start at once do not migrate twice.
"""

from __future__ import annotations

from alembic import context

from qiaoban_agent.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="qiaoban_version",
)
with context.begin_transaction():
    context.run_migrations()
