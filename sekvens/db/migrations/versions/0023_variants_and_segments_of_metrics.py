"""of which variant and segments a message is, and what holdouts come to day by day

Of the enrollments that are there, those are filled in which a variant was drawn. Who was in which
segment before the first look is not known, and is not made up.
"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

#: An experiment is called `<flow>/<step>`. In production shop time, by which draws go, is wall time.
DRAWN = """
INSERT INTO enrollment_variants (enrollment_id, experiment, variant, at)
SELECT enrollments.id, draws.experiment, draws.variant, draws.drawn_at
FROM draws
JOIN contacts ON contacts.id = draws.contact_id OR contacts.merged_into = draws.contact_id
JOIN enrollments ON enrollments.contact_id = contacts.id
WHERE draws.experiment LIKE enrollments.flow || '/%'
  AND enrollments.started_at <= draws.drawn_at
  AND (enrollments.ended_at IS NULL OR enrollments.ended_at >= draws.drawn_at)
"""
INDEXES = {
    "whole": "variant IS NULL AND segment IS NULL",
    "variant": "variant IS NOT NULL",
    "segment": "segment IS NOT NULL",
}


def upgrade() -> None:
    time = base.UtcDateTime(timezone=True)
    op.create_table(
        "enrollment_variants",
        sa.Column("enrollment_id", sa.String(), nullable=False),
        sa.Column("experiment", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_enrollment_variants_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["experiment"],
            ["experiments.name"],
            name=op.f("fk_enrollment_variants_experiment_experiments"),
        ),
        sa.PrimaryKeyConstraint("enrollment_id", "experiment", name=op.f("pk_enrollment_variants")),
    )
    op.execute(sa.text(DRAWN))
    op.create_table(
        "segment_stays",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("since", time, nullable=False),
        sa.Column("until", time, nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_segment_stays_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", "segment", "since", name=op.f("pk_segment_stays")),
    )
    still = sa.text("until IS NULL")
    op.create_index(
        "ix_segment_stays_open",
        "segment_stays",
        ["segment", "contact_id"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    _of_holdouts()
    op.add_column("metric_counts", sa.Column("segment", sa.String(), nullable=True))
    op.drop_index("ix_metric_counts_period_name_day", "metric_counts")
    for name, rows in INDEXES.items():
        where = sa.text(rows)
        op.create_index(
            f"ix_metric_counts_{name}",
            "metric_counts",
            ["period", "name", "day"],
            sqlite_where=where,
            postgresql_where=where,
        )


def _of_holdouts() -> None:
    op.create_table(
        "holdout_days",
        sa.Column("experiment", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False)
          for name in ("drawn", "contacts", "orderers")),
        *(sa.Column(name, sa.Double(), nullable=False)
          for name in ("orders", "orders_squared", "revenue", "revenue_squared")),
        sa.ForeignKeyConstraint(
            ["experiment"],
            ["experiments.name"],
            name=op.f("fk_holdout_days_experiment_experiments"),
        ),
        sa.PrimaryKeyConstraint("experiment", "day", "variant", name=op.f("pk_holdout_days")),
    )  # fmt: skip


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(f"ix_metric_counts_{name}", "metric_counts")
    op.execute(
        sa.text("DELETE FROM metric_counts WHERE variant IS NOT NULL OR segment IS NOT NULL")
    )
    with op.batch_alter_table("metric_counts", schema=None) as batch_op:
        batch_op.drop_column("segment")
    op.create_index("ix_metric_counts_period_name_day", "metric_counts", ["period", "name", "day"])
    for name in ("holdout_days", "segment_stays", "enrollment_variants"):
        op.drop_table(name)
