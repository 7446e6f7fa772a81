"""What carriers need: states of parts, receipts that seek their message, carriers to fall back to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    zero = sa.text("0")
    op.add_column("carrier_ref", sa.Column("parts", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    op.add_column("carrier_ref", sa.Column("refused", sa.SmallInteger(), server_default=zero, nullable=False))
    op.add_column("carrier_ref", sa.Column("state", sa.SmallInteger(), nullable=True))
    op.add_column("carrier_ref", sa.Column("reason", sa.String(length=32), nullable=True))
    op.add_column("receipt", sa.Column("number_key", sa.LargeBinary(length=16), nullable=True))
    op.add_column("receipt", sa.Column("submit_time", sa.BigInteger(), nullable=True))
    op.add_column("message", sa.Column("carrier", sa.String(length=63), nullable=True))
    op.add_column("message", sa.Column("tries", sa.SmallInteger(), server_default=zero, nullable=False))
    op.add_column(
        "contact_point", sa.Column("fallback_carriers", sa.JSON(), server_default=sa.text("'[]'"), nullable=False)
    )
    op.create_table(
        "rerouted",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("carrier", sa.String(length=63), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("notification_id", "carrier", name=op.f("pk_rerouted")),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )
