"""what metrics are read from"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base
from sekvens.events.tables import AutoId

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("locale", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("tracks_opens", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("tracks_clicks", sa.Boolean(), nullable=True))
        batch_op.create_index("ix_messages_sent_on", ["sent_on"])
        batch_op.create_index("ix_messages_claimed_at", ["claimed_at"])
    op.create_index("ix_engagement_at", "engagement", ["at"])
    op.create_index("ix_enrollments_ended_at", "enrollments", ["ended_at"])
    _of_all()
    _of_people()


def _of_all() -> None:
    op.create_table(
        "metric_counts",
        sa.Column("id", AutoId, autoincrement=True, nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=True),
        sa.Column("flow_version", sa.Integer(), nullable=True),
        sa.Column("step_id", sa.String(), nullable=True),
        sa.Column("variant", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("bucket", sa.Integer(), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_counts")),
    )
    op.create_index("ix_metric_counts_period_name_day", "metric_counts", ["period", "name", "day"])
    op.create_index("ix_metric_counts_period_day", "metric_counts", ["period", "day"])
    op.create_table(
        "metric_days",
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("is_dirty", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("period", "day", name=op.f("pk_metric_days")),
    )
    dirty = sa.text("is_dirty")
    op.create_index(
        "ix_metric_days_dirty",
        "metric_days",
        ["period", "day"],
        sqlite_where=dirty,
        postgresql_where=dirty,
    )
    op.create_table(
        "metric_marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("through_id", sa.BigInteger(), nullable=False),
        sa.Column("through_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_metric_marks")),
    )


def _of_people() -> None:
    op.create_table(
        "message_effects",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("bucket", sa.Integer(), nullable=True),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_effects_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("message_id", "kind", name=op.f("pk_message_effects")),
    )
    op.create_table(
        "order_results",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("ordered_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("next_days", sa.Integer(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_order_results_contact_id_contacts")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_order_results_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("contact_id", "order_id", name=op.f("pk_order_results")),
    )
    op.create_index("ix_order_results_ordered_at", "order_results", ["ordered_at"])
    op.create_index("ix_order_results_message_id", "order_results", ["message_id"])
    op.create_table(
        "cart_results",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("cart_id", sa.String(), nullable=False),
        sa.Column("began_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("left_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ordered_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("recovered", sa.Boolean(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("settles_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_cart_results_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", "cart_id", "began_at", name=op.f("pk_cart_results")),
    )
    op.create_index("ix_cart_results_began_at", "cart_results", ["began_at"])
    op.create_index("ix_cart_results_settles_at", "cart_results", ["settles_at"])
    op.create_table(
        "contact_results",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("joined_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("lost_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_results_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact_results")),
    )
    op.create_index("ix_contact_results_joined_at", "contact_results", ["joined_at"])


def downgrade() -> None:
    for name in (
        "contact_results", "cart_results", "order_results", "message_effects", "metric_marks",
        "metric_days", "metric_counts",
    ):  # fmt: skip
        op.drop_table(name)
    op.drop_index("ix_enrollments_ended_at", "enrollments")
    op.drop_index("ix_engagement_at", "engagement")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index("ix_messages_claimed_at")
        batch_op.drop_index("ix_messages_sent_on")
        for name in ("tracks_clicks", "tracks_opens", "locale"):
            batch_op.drop_column(name)
