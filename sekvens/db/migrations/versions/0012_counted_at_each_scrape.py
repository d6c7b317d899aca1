"""indexes for what is counted at each scrape"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PARKED = sa.text("parked_at IS NOT NULL")
OPEN = sa.text("state IN ('pending', 'dispatching')")


def upgrade() -> None:
    op.create_index(
        "ix_enrollments_parked",
        "enrollments",
        ["flow", "parked_code"],
        sqlite_where=PARKED,
        postgresql_where=PARKED,
    )
    op.create_index(
        "ix_messages_open",
        "messages",
        ["state", "purpose"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    op.drop_index("ix_messages_open", "messages")
    op.drop_index("ix_enrollments_parked", "enrollments")
