"""What happened to a subscription, each thing once; and since when an unpaid one is held to the Free plan's limits."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE subscriptions ADD COLUMN limited_at timestamptz;
        CREATE TABLE subscription_events (
            id uuid CONSTRAINT pk_subscription_events PRIMARY KEY,
            org_id uuid NOT NULL CONSTRAINT fk_subscription_events_org_id_orgs REFERENCES orgs (id),
            subscription_id uuid NOT NULL
                CONSTRAINT fk_subscription_events_subscription_id_subscriptions REFERENCES subscriptions (id),
            kind text NOT NULL CONSTRAINT ck_subscription_events_kind CHECK (kind IN (
                'started', 'renewed', 'plan_changed', 'cancel_planned', 'cancel_undone', 'past_due', 'limited',
                'recovered', 'ended')),
            key text NOT NULL,
            plan_version_id uuid NOT NULL
                CONSTRAINT fk_subscription_events_plan_version_id_plan_versions REFERENCES plan_versions (id),
            at timestamptz NOT NULL,
            noted_at timestamptz NOT NULL,
            CONSTRAINT uq_subscription_events_subscription_id_kind_key UNIQUE (subscription_id, kind, key)
        );
        -- serves: the billing history of an org, newest first
        CREATE INDEX ix_subscription_events_org_id_at ON subscription_events (org_id, at);
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE subscription_events; ALTER TABLE subscriptions DROP COLUMN limited_at")
