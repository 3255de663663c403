"""Idempotency keys of the JSON API: one row per key and owner (an org or a staff key), kept for 24 hours."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE idempotency_keys (
          owner_id uuid NOT NULL,
          key text NOT NULL,
          request_hash bytea NOT NULL,
          status integer,
          content_type text,
          body bytea,
          created_at timestamptz NOT NULL,
          CONSTRAINT pk_idempotency_keys PRIMARY KEY (owner_id, key)
        )
        """
    )
    op.execute("CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)  -- the daily purge")


def downgrade() -> None:
    op.execute("DROP TABLE idempotency_keys")
