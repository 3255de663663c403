"""Two indexes that no query uses cost every write of their tables: the sweep of dunnings goes by `next_mail_at`."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP INDEX ix_dunnings_grace_ends_at; DROP INDEX ix_stripe_inbox_org_id_received_at")


def downgrade() -> None:
    op.execute(
        """
        CREATE INDEX ix_dunnings_grace_ends_at ON dunnings (grace_ends_at)
            WHERE ended_at IS NULL AND limited_at IS NULL;
        CREATE INDEX ix_stripe_inbox_org_id_received_at ON stripe_inbox (org_id, received_at);
        """
    )
