"""What composing needs: texts as given, held messages, countries, prices, quotas, guards, consent with its time."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    zero, blank = sa.text("0"), sa.text("''")
    op.add_column("notification", sa.Column("given_text", sa.Text(), nullable=True))
    op.add_column(
        "notification", sa.Column("replacement_count", sa.SmallInteger(), server_default=zero, nullable=False)
    )
    op.add_column("message", sa.Column("country", sa.String(length=3), server_default=blank, nullable=False))
    op.create_index("ix_message_number", "message", ["number_key", "notification_id"], unique=False)
    op.add_column("progress", sa.Column("release_time", sa.BigInteger(), nullable=True))
    op.add_column(
        "contact_point",
        sa.Column("consent_policy", sa.String(length=32), server_default="BLOCK_OPTED_OUT", nullable=False),
    )
    op.add_column(
        "contact_point", sa.Column("number_messages_per_hour", sa.Integer(), server_default=zero, nullable=False)
    )
    op.add_column(
        "contact_point", sa.Column("max_backlog_hours", sa.Integer(), server_default=sa.text("72"), nullable=False)
    )
    op.add_column("consent", sa.Column("consent_time", sa.BigInteger(), server_default=zero, nullable=False))
    with op.batch_alter_table("consent") as consent:
        consent.alter_column("consent_time", server_default=None)
    op.create_index("ix_consent_update_time", "consent", ["update_time", "number_key"], unique=False)
    op.add_column("api_key", sa.Column("daily_segment_quota", sa.BigInteger(), server_default=zero, nullable=False))
    op.create_table(
        "quota_use",
        sa.Column("api_key_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", "day", name=op.f("pk_quota_use")),
    )
    op.create_table(
        "price",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_point_id", sa.String(length=63), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("nanos", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
    )
    op.create_index("uq_price_from", "price", ["contact_point_id", "country", "start_time"], unique=True)
    op.add_column("usage", sa.Column("country", sa.String(length=3), server_default=blank, nullable=False))
    op.add_column("usage", sa.Column("nanos", sa.BigInteger(), nullable=True))
    op.add_column("usage", sa.Column("currency", sa.String(length=3), server_default=blank, nullable=False))
    op.create_index("ix_usage_time", "usage", ["time"], unique=False)
    op.create_index("ix_usage_contact_point", "usage", ["contact_point_id", "time"], unique=False)
