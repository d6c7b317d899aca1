"""since when what is told of products is so, stock by size and by place, and stays that go"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = base.UtcDateTime(timezone=True)
    told_at = sa.Column("told_at", sa.JSON(), server_default="{}", nullable=False)
    op.add_column("products", told_at)
    is_same = sa.Column("is_same", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("product_variants", is_same)
    op.create_table(
        "variant_stocks",
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("sells_on", sa.Boolean(), nullable=False),
        sa.Column("told_at", instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_variant_stocks_product_id_products")
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_variant_stocks")),
    )
    op.create_index(op.f("ix_variant_stocks_product_id"), "variant_stocks", ["product_id"])
    op.create_table(
        "place_stocks",
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("told_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "place_id", name=op.f("pk_place_stocks")),
    )
    op.create_index(
        "ix_segment_stays_until",
        "segment_stays",
        ["until"],
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )
