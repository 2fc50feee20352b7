"""What Alembic runs: the scripts under ``versions``, on the connection (and in the transaction) it is given."""

from alembic import context

from selector.store.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
