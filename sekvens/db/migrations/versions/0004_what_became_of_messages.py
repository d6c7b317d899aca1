"""what_became_of_messages"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: What was kept before had no word of ours.
_WORDS = {
    "Send": "accepted",
    "Delivery": "delivered",
    "DeliveryDelay": "delayed",
    "Bounce": "bounced",
    "Complaint": "complained",
    "Reject": "rejected",
    "Rendering Failure": "failed",
    "Open": "opened",
    "Click": "clicked",
    "Subscription": "subscription",
    "unreadable": "unreadable",
}


def upgrade() -> None:
    op.create_table(
        "message_fates",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("address_hash", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_fates_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_fates")),
    )
    with op.batch_alter_table("message_fates", schema=None) as batch_op:
        batch_op.create_index(
            "ix_message_fates_address_hash_state", ["address_hash", "state", "at"], unique=False
        )

    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("detail", sa.String(), nullable=True))
    _translate(op.get_bind())
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(), nullable=False)
        batch_op.create_index("ix_feedback_kind_at", ["kind", "at"], unique=False)


def _translate(connection: sa.Connection) -> None:
    """Give what was kept its word; a soft bounce must not count as a hard one from now on."""
    feedback = sa.table(
        "feedback",
        sa.column("id", sa.String()),
        sa.column("type", sa.String()),
        sa.column("kind", sa.String()),
        sa.column("detail", sa.String()),
        sa.column("raw", sa.JSON()),
    )
    words = sa.case(_WORDS, value=feedback.c.type, else_="unknown")
    connection.execute(sa.update(feedback).values(kind=words))
    bounces = sa.select(feedback.c.id, feedback.c.raw).where(feedback.c.type == "Bounce")
    for report_id, raw in connection.execute(bounces).all():
        part = (raw or {}).get("bounce") or {}
        given, sub = (part.get(name, "Undetermined") for name in ("bounceType", "bounceSubType"))
        kind = "bounced" if given == "Permanent" else "soft_bounced"
        connection.execute(
            sa.update(feedback)
            .where(feedback.c.id == report_id)
            .values(kind=kind, detail=f"{given}/{sub}")
        )


def downgrade() -> None:
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.drop_index("ix_feedback_kind_at")
        batch_op.drop_column("detail")
        batch_op.drop_column("kind")

    with op.batch_alter_table("message_fates", schema=None) as batch_op:
        batch_op.drop_index("ix_message_fates_address_hash_state")

    op.drop_table("message_fates")
