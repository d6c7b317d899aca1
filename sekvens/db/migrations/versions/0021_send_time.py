"""which hours were chosen for contacts"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "send_time_choices",
        sa.Column("enrollment_id", sa.String(), nullable=False),
        sa.Column("step_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("cohort", sa.String(), nullable=True),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("chosen_on", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_send_time_choices_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_send_time_choices_contact_id_contacts"),
        ),
        sa.PrimaryKeyConstraint("enrollment_id", "step_id", name=op.f("pk_send_time_choices")),
    )
    for column in ("contact_id", "chosen_on"):
        op.create_index(op.f(f"ix_send_time_choices_{column}"), "send_time_choices", [column])
