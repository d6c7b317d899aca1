"""imports_and_notices"""

import sqlalchemy as sa
from alembic import op

from sekvens.db import base

revision = "0010"
down_revision = "0003"
branch_labels = None
depends_on = None

AUTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "imported_files",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("export", sa.String(), nullable=False),
        sa.Column("line_done", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("started_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_imported_files")),
    )
    with op.batch_alter_table("imported_files", schema=None) as batch_op:
        batch_op.create_index("ix_imported_files_tool_kind", ["tool", "kind"], unique=False)

    op.create_table(
        "consent_hooks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("since", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("told_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("failing_since", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("due_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("leased_until", base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_consent_hooks")),
    )
    op.create_table(
        "notices",
        sa.Column("id", AUTO_ID, autoincrement=True, nullable=False),
        sa.Column("hook", sa.String(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_notices_contact_id_contacts")
        ),
        sa.ForeignKeyConstraint(
            ["hook"], ["consent_hooks.name"], name=op.f("fk_notices_hook_consent_hooks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notices_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index("ix_notices_hook_id", ["hook", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_index("ix_notices_hook_id")
        batch_op.drop_index(batch_op.f("ix_notices_contact_id"))

    op.drop_table("notices")
    op.drop_table("consent_hooks")
    with op.batch_alter_table("imported_files", schema=None) as batch_op:
        batch_op.drop_index("ix_imported_files_tool_kind")

    op.drop_table("imported_files")
