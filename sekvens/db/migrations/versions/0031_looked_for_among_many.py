"""indexes for what is looked for among a million: an address in small letters, a click's event"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

BECAME_AN_EVENT = sa.text("event_id IS NOT NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_contacts_email_in_small", "contacts", [sa.text("lower(email)")])
    op.create_index(
        "ix_engagement_event_id",
        "engagement",
        ["event_id"],
        sqlite_where=BECAME_AN_EVENT,
        postgresql_where=BECAME_AN_EVENT,
    )


def downgrade() -> None:
    op.drop_index("ix_engagement_event_id", "engagement")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_contacts_email_in_small", "contacts")
