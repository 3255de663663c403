"""The email outbox."""

from alembic import op

from migrations.apply_functions import drop_functions

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE mail_outbox (
          id uuid CONSTRAINT pk_mail_outbox PRIMARY KEY,
          key text NOT NULL CONSTRAINT uq_mail_outbox_key UNIQUE,
          template text NOT NULL,
          to_address text NOT NULL,
          subject text NOT NULL,
          body_text text,
          body_html text,
          state text NOT NULL DEFAULT 'waiting',
          attempts integer NOT NULL DEFAULT 0,
          last_error text,
          claimed_until timestamptz,
          created_at timestamptz NOT NULL,
          sent_at timestamptz,
          about uuid,
          at timestamptz,
          CONSTRAINT ck_mail_outbox_state CHECK (state IN ('waiting', 'sent', 'failed')),
          CONSTRAINT ck_mail_outbox_sent_at CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
          CONSTRAINT ck_mail_outbox_body CHECK (state = 'sent' OR (body_text IS NOT NULL AND body_html IS NOT NULL)),
          CONSTRAINT ck_mail_outbox_about CHECK ((about IS NULL) = (at IS NULL)),
          CONSTRAINT ck_mail_outbox_attempts CHECK (attempts >= 0),
          CONSTRAINT ck_mail_outbox_claimed_until CHECK (claimed_until IS NULL OR state = 'waiting')
        );
        -- staff's list of emails: those that are not sent, of one template, to one recipient; newest first
        CREATE INDEX ix_mail_outbox_open ON mail_outbox (state, id) WHERE state <> 'sent';
        CREATE INDEX ix_mail_outbox_template_id ON mail_outbox (template, id);
        CREATE INDEX ix_mail_outbox_to_address_id ON mail_outbox (to_address, id);
        -- the emails about one thing, newest first
        CREATE INDEX ix_mail_outbox_about_at ON mail_outbox (about, at) WHERE about IS NOT NULL
        """
    )


def downgrade() -> None:
    drop_functions(op.get_bind(), "mail")
    op.execute("DROP TABLE mail_outbox")
