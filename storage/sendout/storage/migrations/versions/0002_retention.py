"""What retention needs: how far each notification is purged, what was deleted, and the first event that is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTS = ("accepted", "sent", "delivered", "undelivered", "failed", "other", "segments")


def upgrade() -> None:
    op.create_table(
        "archived",
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("topic_id", sa.String(length=63), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False) for name in _COUNTS),
        sa.PrimaryKeyConstraint("day", "topic_id", name=op.f("pk_archived")),
    )
    op.add_column("event_head", sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("notification", sa.Column("purged", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index("ix_notification_purged", "notification", ["purged", "id"], unique=False)
    op.create_index(op.f("ix_request_notification_id"), "request", ["notification_id"], unique=False)
    op.create_index(op.f("ix_receipt_receive_time"), "receipt", ["receive_time"], unique=False)
