"""versions that move those under way"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNDER_WAY = sa.text("state != 'ended'")
MOVING = sa.text("moving_since IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("flow_versions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("policy", sa.String(), server_default="finish_old", nullable=False)
        )
        batch_op.add_column(sa.Column("author", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("note", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("moves_from", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("undoes", sa.Integer(), nullable=True))
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("moves_to", sa.Integer(), nullable=True))
    with op.batch_alter_table("enrollments", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("moving_since", base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.create_index(
            "ix_enrollments_flow_flow_version",
            ["flow", "flow_version"],
            unique=False,
            sqlite_where=UNDER_WAY,
            postgresql_where=UNDER_WAY,
        )
        batch_op.create_index(
            "ix_enrollments_moving_since",
            ["moving_since"],
            unique=False,
            sqlite_where=MOVING,
            postgresql_where=MOVING,
        )


def downgrade() -> None:
    with op.batch_alter_table("enrollments", schema=None) as batch_op:
        batch_op.drop_index("ix_enrollments_moving_since")
        batch_op.drop_index("ix_enrollments_flow_flow_version")
        batch_op.drop_column("moving_since")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("moves_to")
    with op.batch_alter_table("flow_versions", schema=None) as batch_op:
        for name in ("undoes", "moves_from", "note", "author", "policy"):
            batch_op.drop_column(name)
