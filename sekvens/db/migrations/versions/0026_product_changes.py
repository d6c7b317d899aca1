"""news of products, and since when they are sold out"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = base.UtcDateTime(timezone=True)
    op.add_column("products", sa.Column("sold_out_on", instant, nullable=True))
    op.create_table(
        "product_changes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("price", sa.String(), nullable=True),
        sa.Column("lowest_price", sa.String(), nullable=True),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.Column("told_at", instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_changes_product_id_products")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_changes")),
    )
    op.create_index(
        "ix_product_changes_product_id_kind_at", "product_changes", ["product_id", "kind", "at"]
    )
    op.create_index("ix_product_changes_told_at", "product_changes", ["told_at"])
