"""summaries of contacts, and who is in which segment

What is there already is added up here, so that segments are right from the first moment. `starter.py
segments rebuild` does the same at any time.
"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0016"
down_revision = "0013"
branch_labels = None
depends_on = None

#: As they were when this was written: `sekvens.flows.conditions.SIGNS_OF_LIFE`.
SIGNS = (
    "Email Subscribed", "Order Completed", "Checkout Started", "Product Added", "Cart Viewed",
    "Product Viewed", "Product List Viewed", "Products Searched", "Product Reviewed",
    "Email Link Clicked", "Question Answered", "page",
)  # fmt: skip

AMOUNTS = """
UPDATE orders SET amount = CAST(ROUND(CAST(total AS NUMERIC) * 100) AS BIGINT)
WHERE total IS NOT NULL AND LENGTH(total) <= 14
  AND CAST(total AS NUMERIC) > 0 AND CAST(total AS NUMERIC) <= 1000000000
"""
SUMMARIES = """
INSERT INTO contact_summaries (contact_id, first_active_at, last_active_at, last_viewed_at,
                               last_click_at, orders, spent, categories)
SELECT contact_id, MIN(CASE WHEN {signs} THEN occurred_at END),
       MAX(CASE WHEN {signs} THEN occurred_at END),
       MAX(CASE WHEN name = 'Product Viewed' THEN occurred_at END),
       MAX(CASE WHEN name = 'Email Link Clicked' THEN occurred_at END), 0, 0, 0
FROM events WHERE contact_id IS NOT NULL AND ({signs} OR name LIKE 'Order %')
GROUP BY contact_id
"""
ORDERED = """
UPDATE contact_summaries SET orders = found.orders, spent = found.spent,
                             last_order_at = found.last_order_at
FROM (SELECT contact_id, COUNT(*) AS orders, SUM(amount) AS spent, MAX(ordered_at) AS last_order_at
      FROM orders WHERE state = 'completed' GROUP BY contact_id) AS found
WHERE found.contact_id = contact_summaries.contact_id
"""
LAST = """
UPDATE contact_summaries SET last_amount = (
    SELECT MAX(amount) FROM orders WHERE orders.contact_id = contact_summaries.contact_id
    AND orders.state = 'completed' AND orders.ordered_at = contact_summaries.last_order_at)
WHERE orders > 0
"""
CATEGORIES = """
UPDATE contact_summaries SET categories = found.categories
FROM (SELECT order_lines.contact_id AS contact_id, COUNT(DISTINCT products.category) AS categories
      FROM order_lines
      LEFT JOIN product_variants ON product_variants.id = order_lines.product_id
      JOIN products ON products.id = COALESCE(product_variants.product_id, order_lines.product_id)
      WHERE order_lines.state = 'completed' GROUP BY order_lines.contact_id) AS found
WHERE found.contact_id = contact_summaries.contact_id
"""


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False)
        )
    time = base.UtcDateTime(timezone=True)
    op.create_table(
        "contact_summaries",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("first_active_at", time, nullable=True),
        sa.Column("last_active_at", time, nullable=True),
        sa.Column("last_viewed_at", time, nullable=True),
        sa.Column("last_click_at", time, nullable=True),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("last_order_at", time, nullable=True),
        sa.Column("last_amount", sa.BigInteger(), nullable=True),
        sa.Column("categories", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_summaries_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact_summaries")),
    )
    op.create_table(
        "segment_memberships",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("since", time, nullable=False),
        sa.Column("until", time, nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_segment_memberships_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", "segment", name=op.f("pk_segment_memberships")),
    )
    op.create_index(
        "ix_segment_memberships_segment", "segment_memberships", ["segment", "contact_id"]
    )
    op.create_table(
        "segment_watches",
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("complete_at", time, nullable=True),
        sa.PrimaryKeyConstraint("segment", name=op.f("pk_segment_watches")),
    )
    for statement in statements():
        op.execute(sa.text(statement))


def statements() -> tuple[str, ...]:
    """List what adds up the rows that are there."""
    signs = "name IN ({})".format(", ".join(f"'{name}'" for name in SIGNS))
    return AMOUNTS, SUMMARIES.format(signs=signs), ORDERED, LAST, CATEGORIES


def downgrade() -> None:
    op.drop_table("segment_watches")
    op.drop_table("segment_memberships")
    op.drop_table("contact_summaries")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("amount")
