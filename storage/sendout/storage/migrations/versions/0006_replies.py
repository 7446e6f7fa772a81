"""What replies need: parts and raw texts, answers to keywords, conversations under way, events that are no state."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    blank = sa.text("''")
    for name in ("opt_out_reply", "opt_in_reply", "help_reply"):
        op.add_column("contact_point", sa.Column(name, sa.String(length=160), server_default=blank, nullable=False))
    _replies(blank)
    _conversations()
    zero = sa.text("0")
    op.add_column("notification", sa.Column("purpose", sa.SmallInteger(), server_default=zero, nullable=False))
    op.add_column("notification", sa.Column("conversation_id", sa.BigInteger(), nullable=True))
    _partial("ix_notification_conversation", "notification", "id")
    op.add_column("event", sa.Column("kind", sa.SmallInteger(), server_default=zero, nullable=False))
    op.add_column("event", sa.Column("reference", sa.String(length=32), server_default=blank, nullable=False))
    op.add_column("event", sa.Column("contact_point_id", sa.String(length=63), server_default=blank, nullable=False))


def _replies(blank: sa.TextClause) -> None:
    one = sa.text("1")
    postgres = op.get_bind().dialect.name == "postgresql"
    op.add_column("inbound", sa.Column("raw", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE inbound SET raw = " + ("convert_to(text, 'UTF8')" if postgres else "CAST(text AS BLOB)"))
    with op.batch_alter_table("inbound") as inbound:
        inbound.drop_column("text")
        inbound.alter_column("raw", new_column_name="text", existing_type=sa.LargeBinary(), nullable=False)
        for name in ("number", "sender"):
            inbound.alter_column(
                name, existing_type=sa.String(length=16), type_=sa.String(length=32), existing_nullable=False
            )
        inbound.add_column(sa.Column("reference", sa.Integer(), nullable=True))
        inbound.add_column(sa.Column("part", sa.SmallInteger(), server_default=one, nullable=False))
        inbound.add_column(sa.Column("parts", sa.SmallInteger(), server_default=one, nullable=False))
        inbound.add_column(sa.Column("reply_id", sa.String(length=32), nullable=True))
        inbound.add_column(sa.Column("keyword", sa.String(length=16), server_default=blank, nullable=False))
        inbound.add_column(sa.Column("contact_point_id", sa.String(length=63), server_default=blank, nullable=False))
        inbound.add_column(sa.Column("conversation_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_inbound_reply_id", "inbound", ["reply_id"], unique=False)
    op.create_index("ix_inbound_receive_time", "inbound", ["receive_time"], unique=False)
    waiting = sa.text("NOT handled")
    op.create_index(
        "ix_inbound_open",
        "inbound",
        ["receive_time"],
        unique=False,
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    _partial("ix_inbound_conversation", "inbound", "receive_time")
    op.create_table(
        "keyword_answer",
        sa.Column("contact_point_id", sa.String(length=63), nullable=False),
        sa.Column("number_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("keyword", sa.String(length=16), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_point_id", "number_key", name=op.f("pk_keyword_answer")),
    )


def _conversations() -> None:
    op.drop_table("conversation")  # nothing wrote to it
    op.create_table(
        "conversation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_point_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("number_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=True),
        sa.Column("message_index", sa.Integer(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("review", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("entry_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_point_id"],
            ["contact_point.id"],
            name=op.f("fk_conversation_contact_point_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
    )
    op.create_index("ix_conversation_update_time", "conversation", ["update_time", "id"], unique=False)
    going_on = sa.text("open")
    op.create_index(
        "uq_conversation_open",
        "conversation",
        ["contact_point_id", "number_key"],
        unique=True,
        postgresql_where=going_on,
        sqlite_where=going_on,
    )


def _partial(name: str, table: str, then: str) -> None:
    of_one = sa.text("conversation_id IS NOT NULL")
    op.create_index(name, table, ["conversation_id", then], unique=False, postgresql_where=of_one, sqlite_where=of_one)
