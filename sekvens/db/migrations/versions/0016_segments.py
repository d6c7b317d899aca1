"""summaries of contacts, and who is in which segment

What is there already is added up here, so that segments are right from the first moment. `starter.py
segments rebuild` does the same at any time.
"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0016"
down_revision = "0015"
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
  AND CASE WHEN {is_amount} THEN CAST(total AS NUMERIC) ELSE 0 END BETWEEN 0.01 AND 1000000000
"""
#: PostgreSQL refuses to read what is no number, SQLite takes it for nothing.
IS_AMOUNT = {"postgresql": r"total ~ '^[0-9]+([.][0-9]+)?$'", "sqlite": "TRUE"}
SUMMARIES = """
WITH seen AS (
    SELECT contact_id, MIN(CASE WHEN {signs} THEN occurred_at END) AS first_active_at,
           MAX(CASE WHEN {signs} THEN occurred_at END) AS last_active_at,
           MAX(CASE WHEN name = 'Product Viewed' THEN occurred_at END) AS last_viewed_at,
           MAX(CASE WHEN name = 'Email Link Clicked' THEN occurred_at END) AS last_click_at
    FROM events WHERE contact_id IS NOT NULL AND ({signs} OR name LIKE 'Order %')
    GROUP BY contact_id),
bought AS (
    SELECT contact_id, COUNT(*) AS orders, SUM(amount) AS spent, MAX(ordered_at) AS last_order_at
    FROM orders WHERE state = 'completed' GROUP BY contact_id),
lately AS (
    SELECT orders.contact_id AS contact_id, MAX(orders.amount) AS last_amount
    FROM orders JOIN bought ON bought.contact_id = orders.contact_id
                           AND bought.last_order_at = orders.ordered_at
    WHERE orders.state = 'completed' GROUP BY orders.contact_id),
kinds AS (
    SELECT order_lines.contact_id AS contact_id, COUNT(DISTINCT products.category) AS categories
    FROM order_lines
    LEFT JOIN product_variants ON product_variants.id = order_lines.product_id
    JOIN products ON products.id = COALESCE(product_variants.product_id, order_lines.product_id)
    WHERE order_lines.state = 'completed' GROUP BY order_lines.contact_id)
INSERT INTO contact_summaries (contact_id, first_active_at, last_active_at, last_viewed_at,
                               last_click_at, orders, spent, last_order_at, last_amount, categories)
SELECT seen.contact_id, first_active_at, last_active_at, last_viewed_at, last_click_at,
       COALESCE(orders, 0), COALESCE(spent, 0), last_order_at, last_amount, COALESCE(categories, 0)
FROM seen LEFT JOIN bought ON bought.contact_id = seen.contact_id
          LEFT JOIN lately ON lately.contact_id = seen.contact_id
          LEFT JOIN kinds ON kinds.contact_id = seen.contact_id
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
    for statement in statements(op.get_bind().dialect.name):
        op.execute(sa.text(statement))


def statements(dialect: str) -> tuple[str, ...]:
    """List what adds up the rows that are there, in a database's own words."""
    signs = "name IN ({})".format(", ".join(f"'{name}'" for name in SIGNS))
    return AMOUNTS.format(is_amount=IS_AMOUNT[dialect]), SUMMARIES.format(signs=signs)


def downgrade() -> None:
    op.drop_table("segment_watches")
    op.drop_table("segment_memberships")
    op.drop_table("contact_summaries")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("amount")
