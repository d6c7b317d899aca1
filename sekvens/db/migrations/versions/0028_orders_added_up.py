"""orders are added up from an index, and it is known by what a zone is known"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ["contact_id", "ordered_at", "state", "amount"]
    op.create_index("ix_orders_added_up", "orders", columns)
    op.drop_index("ix_orders_contact_id_ordered_at", "orders")
    op.add_column("contacts", sa.Column("timezone_by", sa.String(), nullable=True))
