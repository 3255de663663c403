"""Checks of one moment are answered together, whatever their orgs.

`usage_check` stays as it was for processes of the release before, which go on until they are restarted; the next
migration of this room drops it (and `usage_check_all`, which databases of one revision between have).
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql" / "usage_check_together.sql"


def upgrade() -> None:
    op.execute(SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION usage_check_many, usage_check_one")
