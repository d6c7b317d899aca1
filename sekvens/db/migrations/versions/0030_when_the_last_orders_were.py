"""when the last orders but one and but two were, in the summaries of contacts"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

NEWEST = """
WITH numbered AS (
    SELECT contact_id, ordered_at,
           ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY ordered_at DESC) AS number
    FROM orders WHERE state = 'completed'),
newest AS (
    SELECT contact_id, MAX(CASE WHEN number = 2 THEN ordered_at END) AS but_one,
           MAX(CASE WHEN number = 3 THEN ordered_at END) AS but_two
    FROM numbered WHERE number IN (2, 3) GROUP BY contact_id)
UPDATE contact_summaries
SET last_but_one_order_at = newest.but_one, last_but_two_order_at = newest.but_two
FROM newest WHERE newest.contact_id = contact_summaries.contact_id
"""


def upgrade() -> None:
    time = base.UtcDateTime(timezone=True)
    for name in ("last_but_one_order_at", "last_but_two_order_at"):
        op.add_column("contact_summaries", sa.Column(name, time, nullable=True))
    for statement in statements(op.get_bind().dialect.name):
        op.execute(sa.text(statement))


def statements(_dialect: str) -> tuple[str, ...]:
    """List what adds up the rows that are there."""
    return (NEWEST,)
