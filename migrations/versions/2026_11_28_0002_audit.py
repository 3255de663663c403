"""The audit chain: immutable entries, chain heads, and personal data that can be erased."""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE audit_entries (
          id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_audit_entries PRIMARY KEY,
          chain text NOT NULL,
          seq bigint NOT NULL,
          org_id uuid,
          actor_kind text NOT NULL,
          actor_id uuid,
          acting_for uuid,
          action text NOT NULL,
          object_type text NOT NULL,
          object_id text NOT NULL,
          before jsonb,
          after jsonb,
          at timestamptz NOT NULL,
          wall_at timestamptz NOT NULL,
          request_id text,
          personal_hash bytea,
          prev_hash bytea NOT NULL,
          hash bytea NOT NULL,
          -- serves a page of one chain, newest first, and the walk along it
          CONSTRAINT uq_audit_entries_chain_seq UNIQUE (chain, seq),
          CONSTRAINT ck_audit_entries_seq CHECK (seq >= 1),
          CONSTRAINT ck_audit_entries_chain CHECK (chain = coalesce(org_id::text, 'installation')),
          CONSTRAINT ck_audit_entries_hash CHECK (length(hash) = 32 AND length(prev_hash) = 32)
        );
        -- serves: an org's timeline, newest first
        CREATE INDEX ix_audit_entries_org_id_at ON audit_entries (org_id, at) WHERE org_id IS NOT NULL
        """
    )
    op.execute(
        """
        CREATE TABLE audit_heads (
          chain text CONSTRAINT pk_audit_heads PRIMARY KEY,
          seq bigint NOT NULL,
          hash bytea NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE audit_persons (
          entry_id bigint CONSTRAINT pk_audit_persons PRIMARY KEY
            CONSTRAINT fk_audit_persons_entry_id_audit_entries REFERENCES audit_entries (id),
          salt bytea NOT NULL,
          data jsonb NOT NULL
        )
        """
    )
    create_functions(op.get_bind(), "audit_is_append_only")
    op.execute(
        """
        CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
          FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_heads_kept BEFORE DELETE OR TRUNCATE ON audit_heads
          FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_persons_erased_row_by_row BEFORE UPDATE OR TRUNCATE ON audit_persons
          FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
        """
    )


def downgrade() -> None:
    drop_functions(op.get_bind(), "audit")
    op.execute("DROP TABLE audit_persons, audit_heads, audit_entries")
