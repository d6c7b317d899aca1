"""what contacts are expected to do"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AUTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "prediction_models",
        sa.Column("id", AUTO_ID, autoincrement=True, nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("as_of", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("backtest", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("through_id", sa.String(), nullable=True),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.Column("predicted", sa.Integer(), nullable=False),
        sa.Column("finished_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction_models")),
    )
    op.create_table(
        "predictions",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("falls_on", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("version", AUTO_ID, nullable=False),
        sa.Column("computed_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_predictions_contact_id_contacts")
        ),
        sa.ForeignKeyConstraint(
            ["version"],
            ["prediction_models.id"],
            name=op.f("fk_predictions_version_prediction_models"),
        ),
        sa.PrimaryKeyConstraint("contact_id", "kind", name=op.f("pk_predictions")),
    )
    with op.batch_alter_table("predictions", schema=None) as batch_op:
        batch_op.create_index("ix_predictions_version", ["version"], unique=False)
    op.create_table(
        "next_best",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("because_of", sa.String(), nullable=True),
        sa.Column("version", AUTO_ID, nullable=False),
        sa.Column("computed_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_next_best_contact_id_contacts")
        ),
        sa.ForeignKeyConstraint(
            ["version"],
            ["prediction_models.id"],
            name=op.f("fk_next_best_version_prediction_models"),
        ),
        sa.PrimaryKeyConstraint("contact_id", "place", name=op.f("pk_next_best")),
    )
    with op.batch_alter_table("next_best", schema=None) as batch_op:
        batch_op.create_index("ix_next_best_version", ["version"], unique=False)


def downgrade() -> None:
    op.drop_table("next_best")
    op.drop_table("predictions")
    op.drop_table("prediction_models")
