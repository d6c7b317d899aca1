"""Alembic's entry: migrates the one database that it is given a connection to."""

from alembic import context

from sekvens.db.tables import metadata
from sekvens.fault_points import FaultPoint, reached

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    user_module_prefix="base.",
    on_version_apply=lambda **_: reached(FaultPoint.MIDDLE_OF_MIGRATION),
)
with context.begin_transaction():
    context.run_migrations()
