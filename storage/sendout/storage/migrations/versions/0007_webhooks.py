"""Webhook subscriptions: who is called with events, and how far each has been told."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    blank, zero = sa.text("''"), sa.text("0")
    op.create_table(
        "webhook_subscription",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("event_kinds", sa.JSON(), nullable=False),
        sa.Column("contact_point_ids", sa.JSON(), nullable=False),
        sa.Column("topic_ids", sa.JSON(), nullable=False),
        sa.Column("crm_system", sa.String(length=63), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("previous_until", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=zero, nullable=False),
        sa.Column("success_time", sa.BigInteger(), nullable=True),
        sa.Column("failure_time", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.String(length=200), server_default=blank, nullable=False),
        sa.Column("disabled", sa.String(length=200), server_default=blank, nullable=False),
        sa.Column("owner", sa.String(length=64), server_default=blank, nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default=zero, nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_subscription")),
    )
