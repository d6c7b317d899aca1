"""modes that people set, approvals, and enrollments that begin in the middle"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WHILE_SET = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "modes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("since", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("ended_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modes")),
    )
    op.create_index(
        "uq_modes_flow_step_while_set",
        "modes",
        ["flow", "step"],
        unique=True,
        sqlite_where=WHILE_SET,
        postgresql_where=WHILE_SET,
    )
    op.create_table(
        "approvals",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("template_digest", sa.String(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_approvals_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_approvals")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("looks", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("begins", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("begins")
        batch_op.drop_column("looks")
    op.drop_table("approvals")
    op.drop_table("modes")
