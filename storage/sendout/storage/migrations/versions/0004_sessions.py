"""What signing in needs: sessions that end, tokens that are used once, what an identity provider calls a person."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("principal", sa.Column("external_id", sa.String(length=255), nullable=True))
    op.create_index("uq_principal_external_id", "principal", ["external_id"], unique=True)
    op.drop_table("session")  # nothing wrote to it
    _create("session", "id_hash", _time("create_time"), _time("last_used_time"))
    _create("sign_in_token", "hash", sa.Column("use_time", sa.BigInteger(), nullable=True))


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _create(table: str, key: str, *columns: sa.Column[int]) -> None:
    op.create_table(
        table,
        sa.Column(key, sa.LargeBinary(length=32), nullable=False),
        sa.Column("principal_id", sa.String(length=63), nullable=False),
        *columns,
        _time("expire_time"),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principal.id"], name=op.f(f"fk_{table}_principal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_principal_id"), table, ["principal_id"], unique=False)
