"""where the staff get their Monday mail, and what became of each"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("language", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("gets_monday", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.create_table(
        "monday_mails",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("monday", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("called_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ses_message_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["name"], ["staff.name"], name=op.f("fk_monday_mails_name_staff")),
        sa.PrimaryKeyConstraint("name", "monday", name=op.f("pk_monday_mails")),
    )


def downgrade() -> None:
    op.drop_table("monday_mails")
    with op.batch_alter_table("staff", schema=None) as batch_op:
        for column in ("gets_monday", "language", "email"):
            batch_op.drop_column(column)
