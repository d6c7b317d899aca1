"""indexes that hold all that is counted of who is under way or parked, so that no row is read"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

#: What each index is of, and of which rows.
WIDE: Mapping[str, Sequence[str]] = {
    "ix_enrollments_parked": ("flow", "parked_code", "step_id", "parked_at", "state", "id"),
    "ix_enrollments_flow_flow_version": ("flow", "flow_version", "step_id", "state"),
}
OF = {
    "ix_enrollments_parked": sa.text("parked_at IS NOT NULL"),
    "ix_enrollments_flow_flow_version": sa.text("state != 'ended'"),
}


def upgrade() -> None:
    _make_anew(WIDE)


def downgrade() -> None:
    _make_anew({name: columns[:2] for name, columns in WIDE.items()})


def _make_anew(indexes: Mapping[str, Sequence[str]]) -> None:
    for name, columns in indexes.items():
        op.drop_index(name, "enrollments")
        op.create_index(
            name, "enrollments", columns, sqlite_where=OF[name], postgresql_where=OF[name]
        )
