"""Alembic's entry: runs on the connection that `storage.migrate` hands it, inside that connection's transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
