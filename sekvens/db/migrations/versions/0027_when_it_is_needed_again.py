"""when what is needed again is due"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("next_best", sa.Column("due_on", base.UtcDateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_next_best_due_on"), "next_best", ["due_on"])
