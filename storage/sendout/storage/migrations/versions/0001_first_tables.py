"""The first tables."""

from alembic import op

from sendout.storage.tables import metadata

revision = "0001"
down_revision = None

_NO_DELETE = "A topic can be disabled, never deleted."
_POSTGRES_TRIGGER = f"""
CREATE FUNCTION topic_is_permanent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{_NO_DELETE}'; END $$;
CREATE TRIGGER topic_is_permanent BEFORE DELETE ON topic FOR EACH ROW EXECUTE FUNCTION topic_is_permanent();
"""
_SQLITE_TRIGGER = f"""
CREATE TRIGGER topic_is_permanent BEFORE DELETE ON topic BEGIN SELECT RAISE(ABORT, '{_NO_DELETE}'); END
"""


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        for statement in _POSTGRES_TRIGGER.split(";\nCREATE TRIGGER"):
            op.execute(statement if statement.lstrip().startswith("CREATE FUNCTION") else f"CREATE TRIGGER{statement}")
    else:
        op.execute(_SQLITE_TRIGGER)
