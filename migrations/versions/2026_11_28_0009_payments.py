"""The tables of payments: checkouts, mirrors of Stripe's objects, billing records, dunning, and the webhook inbox.

Mirrors are keyed by Stripe's ids and hold the current state, read from the API and never from an event. No URL that
signs somebody in or opens a Stripe page for a person is stored, except the invoice's.
"""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE stripe_customers (
    id text CONSTRAINT pk_stripe_customers PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_stripe_customers_org_id_orgs REFERENCES orgs (id),
    email text,
    delinquent boolean NOT NULL,
    balance bigint NOT NULL DEFAULT 0,
    card_id text,
    card_brand text,
    card_last4 text CONSTRAINT ck_stripe_customers_card_last4 CHECK (card_last4 ~ '^[0-9]{4}$'),
    card_exp_month integer,
    card_exp_year integer,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    retrieved_at timestamptz NOT NULL,
    listed_at timestamptz,
    contact_digest text,
    contact_error text,
    tax_id_ref text
);
-- serves: the customer of an org; and lets it have one only
CREATE UNIQUE INDEX uq_stripe_customers_org_id ON stripe_customers (org_id) WHERE deleted_at IS NULL;

CREATE TABLE customer_attempts (
    id uuid CONSTRAINT pk_customer_attempts PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_customer_attempts_org_id_orgs REFERENCES orgs (id),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
-- serves: the attempt of an org that is under way; and lets it have one only
CREATE UNIQUE INDEX uq_customer_attempts_open ON customer_attempts (org_id) WHERE closed_at IS NULL;

CREATE TABLE stripe_prices (
    id text CONSTRAINT pk_stripe_prices PRIMARY KEY,
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_stripe_prices_plan_version_id_plan_versions REFERENCES plan_versions (id),
    interval text NOT NULL CONSTRAINT ck_stripe_prices_interval CHECK (interval IN ('month', 'year')),
    currency text NOT NULL CONSTRAINT ck_stripe_prices_currency CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CONSTRAINT ck_stripe_prices_amount CHECK (amount >= 0),
    product_id text NOT NULL,
    lookup_key text NOT NULL,
    pushed_at timestamptz NOT NULL,
    CONSTRAINT uq_stripe_prices_lookup_key UNIQUE (lookup_key),
    CONSTRAINT uq_stripe_prices_plan_version_id_interval_currency UNIQUE (plan_version_id, interval, currency)
);

CREATE TABLE checkouts (
    id uuid CONSTRAINT pk_checkouts PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_checkouts_org_id_orgs REFERENCES orgs (id),
    purpose text NOT NULL CONSTRAINT ck_checkouts_purpose CHECK (purpose IN ('subscription', 'card')),
    plan_version_id uuid CONSTRAINT fk_checkouts_plan_version_id_plan_versions REFERENCES plan_versions (id),
    interval text CONSTRAINT ck_checkouts_interval CHECK (interval IN ('month', 'year')),
    currency text CONSTRAINT ck_checkouts_currency CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint CONSTRAINT ck_checkouts_amount CHECK (amount >= 0),
    state text NOT NULL CONSTRAINT ck_checkouts_state CHECK (
        state IN ('opening', 'open', 'completed', 'expired', 'replaced', 'failed')),
    session_id text,
    opened_by uuid,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    failure text,
    trial_days integer CONSTRAINT ck_checkouts_trial_days CHECK (trial_days > 0),
    trial_refused text CONSTRAINT ck_checkouts_trial_refused CHECK (trial_refused IN ('org', 'card', 'domain')),
    CONSTRAINT uq_checkouts_session_id UNIQUE (session_id),
    CONSTRAINT ck_checkouts_subject CHECK (
        (purpose = 'subscription') = (num_nonnulls(plan_version_id, interval, currency, amount) = 4)),
    CONSTRAINT ck_checkouts_closed CHECK ((state IN ('opening', 'open')) = (closed_at IS NULL)),
    CONSTRAINT ck_checkouts_open CHECK (state <> 'open' OR session_id IS NOT NULL)
);
-- serves: the open checkout of an org; and lets it have one for each purpose only
CREATE UNIQUE INDEX uq_checkouts_open ON checkouts (org_id, purpose) WHERE state IN ('opening', 'open');
-- serves: the sweep that asks Stripe about checkouts that nothing was heard of
CREATE INDEX ix_checkouts_opened_at ON checkouts (opened_at) WHERE state IN ('opening', 'open');

CREATE TABLE stripe_subscriptions (
    id text CONSTRAINT pk_stripe_subscriptions PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_stripe_subscriptions_org_id_orgs REFERENCES orgs (id),
    customer_id text NOT NULL
        CONSTRAINT fk_stripe_subscriptions_customer_id_stripe_customers REFERENCES stripe_customers (id),
    subscription_id uuid
        CONSTRAINT fk_stripe_subscriptions_subscription_id_subscriptions REFERENCES subscriptions (id),
    status text NOT NULL,
    item_id text NOT NULL,
    price_id text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    anchor_at timestamptz NOT NULL,
    cancel_at timestamptz,
    cancel_at_period_end boolean NOT NULL,
    latest_invoice_id text,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    trial_starts_at timestamptz,
    trial_ends_at timestamptz,
    trial_verdict text CONSTRAINT ck_stripe_subscriptions_trial_verdict CHECK (
        trial_verdict IN ('granted', 'org', 'card', 'domain')),
    trial_told_for timestamptz,
    collection_paused text,
    discounts jsonb NOT NULL DEFAULT '[]',
    pending_price_id text,
    pending_expires_at timestamptz,
    schedule_id text,
    quantity bigint NOT NULL DEFAULT 1,
    item_count integer NOT NULL DEFAULT 1,
    fees jsonb NOT NULL DEFAULT '[]',
    retrieved_at timestamptz NOT NULL
);
-- serves: the Stripe subscriptions of an org, newest first
CREATE INDEX ix_stripe_subscriptions_org_id_created_at ON stripe_subscriptions (org_id, created_at);
-- serves: the sweep that releases schedules of planned changes that are made
CREATE INDEX ix_stripe_subscriptions_schedule_id ON stripe_subscriptions (schedule_id)
    WHERE schedule_id IS NOT NULL AND ended_at IS NULL;
-- serves: the sweeps that tell of a trial's end and that end refused ones
CREATE INDEX ix_stripe_subscriptions_trial_ends_at ON stripe_subscriptions (trial_ends_at)
    WHERE status = 'trialing' AND ended_at IS NULL;

-- Who has had a trial, as keyed hashes: they name nobody, and erasure leaves them.
CREATE TABLE trial_uses (
    kind text NOT NULL CONSTRAINT ck_trial_uses_kind CHECK (kind IN ('org', 'card', 'domain')),
    digest bytea NOT NULL CONSTRAINT ck_trial_uses_digest CHECK (octet_length(digest) = 32),
    used_at timestamptz NOT NULL,
    CONSTRAINT pk_trial_uses PRIMARY KEY (kind, digest)
);

CREATE TABLE stripe_invoices (
    id text CONSTRAINT pk_stripe_invoices PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_stripe_invoices_org_id_orgs REFERENCES orgs (id),
    stripe_subscription_id text,
    number text,
    status text NOT NULL,
    billing_reason text,
    currency text NOT NULL CONSTRAINT ck_stripe_invoices_currency CHECK (currency ~ '^[A-Z]{3}$'),
    total bigint NOT NULL,
    tax bigint NOT NULL,
    included_tax bigint NOT NULL DEFAULT 0,
    amount_due bigint NOT NULL,
    amount_paid bigint NOT NULL,
    amount_remaining bigint NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    attempt_count integer NOT NULL,
    due_at timestamptz,
    next_attempt_at timestamptz,
    hosted_url text,
    pdf_url text,
    created_at timestamptz NOT NULL,
    finalized_at timestamptz,
    paid_at timestamptz,
    discount bigint NOT NULL DEFAULT 0,
    starting_balance bigint NOT NULL DEFAULT 0,
    ending_balance bigint,
    lines jsonb,
    voided_at timestamptz,
    uncollectible_at timestamptz,
    payments jsonb NOT NULL DEFAULT '[]',
    retrieved_at timestamptz NOT NULL
);
-- serves: the invoices of an org, newest first
CREATE INDEX ix_stripe_invoices_org_id_created_at ON stripe_invoices (org_id, created_at);

CREATE TABLE stripe_credit_notes (
    id text CONSTRAINT pk_stripe_credit_notes PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_stripe_credit_notes_org_id_orgs REFERENCES orgs (id),
    invoice_id text NOT NULL,
    own_id uuid,
    number text NOT NULL,
    status text NOT NULL CONSTRAINT ck_stripe_credit_notes_status CHECK (status IN ('issued', 'void')),
    currency text NOT NULL CONSTRAINT ck_stripe_credit_notes_currency CHECK (currency ~ '^[A-Z]{3}$'),
    total bigint NOT NULL,
    due bigint NOT NULL,
    paid bigint NOT NULL,
    outside bigint NOT NULL,
    refunds jsonb NOT NULL,
    pdf_url text,
    created_at timestamptz NOT NULL,
    voided_at timestamptz,
    retrieved_at timestamptz NOT NULL,
    CONSTRAINT ck_stripe_credit_notes_voided CHECK ((status = 'void') = (voided_at IS NOT NULL))
);
-- serves: the credit notes of an org's account, and those of some of its invoices
CREATE INDEX ix_stripe_credit_notes_org_id_invoice_id ON stripe_credit_notes (org_id, invoice_id);

CREATE TABLE stripe_refunds (
    id text CONSTRAINT pk_stripe_refunds PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_stripe_refunds_org_id_orgs REFERENCES orgs (id),
    transaction_id text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_stripe_refunds_amount CHECK (amount > 0),
    currency text NOT NULL CONSTRAINT ck_stripe_refunds_currency CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL CONSTRAINT ck_stripe_refunds_status CHECK (
        status IN ('pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
    created_at timestamptz NOT NULL,
    failed_at timestamptz,
    retrieved_at timestamptz NOT NULL,
    CONSTRAINT ck_stripe_refunds_failed CHECK ((status IN ('failed', 'canceled')) = (failed_at IS NOT NULL))
);
-- serves: the refunds of an org's account, and those of some of its payments
CREATE INDEX ix_stripe_refunds_org_id_transaction_id ON stripe_refunds (org_id, transaction_id);

CREATE TABLE stripe_balance_movements (
    id text CONSTRAINT pk_stripe_balance_movements PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_stripe_balance_movements_org_id_orgs REFERENCES orgs (id),
    customer_id text NOT NULL
        CONSTRAINT fk_stripe_balance_movements_customer_id_stripe_customers REFERENCES stripe_customers (id),
    type text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_stripe_balance_movements_amount CHECK (amount <> 0),
    currency text NOT NULL CONSTRAINT ck_stripe_balance_movements_currency CHECK (currency ~ '^[A-Z]{3}$'),
    invoice_id text,
    credit_note_id text,
    description text,
    created_at timestamptz NOT NULL
);
-- serves: the movements of an org's account
CREATE INDEX ix_stripe_balance_movements_org_id_created_at ON stripe_balance_movements (org_id, created_at);
-- serves: the movements that an invoice brought
CREATE INDEX ix_stripe_balance_movements_invoice_id ON stripe_balance_movements (invoice_id)
    WHERE invoice_id IS NOT NULL;

CREATE TABLE plan_changes (
    id uuid CONSTRAINT pk_plan_changes PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_plan_changes_org_id_orgs REFERENCES orgs (id),
    stripe_subscription_id text NOT NULL
        CONSTRAINT fk_plan_changes_stripe_subscription_id_stripe_subscriptions REFERENCES stripe_subscriptions (id),
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_plan_changes_plan_version_id_plan_versions REFERENCES plan_versions (id),
    interval text NOT NULL CONSTRAINT ck_plan_changes_interval CHECK (interval IN ('month', 'year')),
    currency text NOT NULL CONSTRAINT ck_plan_changes_currency CHECK (currency ~ '^[A-Z]{3}$'),
    price_id text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_plan_changes_amount CHECK (amount >= 0),
    expected bigint,
    previewed bigint,
    drifts boolean NOT NULL DEFAULT false,
    prorated_at timestamptz NOT NULL,
    state text NOT NULL CONSTRAINT ck_plan_changes_state CHECK (
        state IN ('asked', 'waiting', 'applied', 'failed', 'lapsed')),
    invoice_id text,
    failure text,
    asked_by uuid,
    asked_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT ck_plan_changes_settled CHECK ((state IN ('asked', 'waiting')) = (settled_at IS NULL))
);
-- serves: the change of an org that is under way; and lets it have one only
CREATE UNIQUE INDEX uq_plan_changes_open ON plan_changes (org_id) WHERE settled_at IS NULL;
-- serves: the changes of an org, newest first
CREATE INDEX ix_plan_changes_org_id_asked_at ON plan_changes (org_id, asked_at);
-- serves: the sweep that asks Stripe what became of a change
CREATE INDEX ix_plan_changes_asked ON plan_changes (asked_at) WHERE state = 'asked';

CREATE TABLE billing_records (
    id uuid CONSTRAINT pk_billing_records PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_billing_records_org_id_orgs REFERENCES orgs (id),
    state text NOT NULL CONSTRAINT ck_billing_records_state CHECK (
        state IN ('pending', 'completed', 'failed', 'refunded', 'reversed')),
    reason text NOT NULL CONSTRAINT ck_billing_records_reason CHECK (
        reason IN ('subscription_start', 'subscription_renewal', 'subscription_change', 'usage', 'one_off',
                   'offline_invoice')),
    description text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_billing_records_amount CHECK (amount >= 0),
    refunded bigint NOT NULL DEFAULT 0,
    currency text NOT NULL CONSTRAINT ck_billing_records_currency CHECK (currency ~ '^[A-Z]{3}$'),
    checkout_id uuid CONSTRAINT fk_billing_records_checkout_id_checkouts REFERENCES checkouts (id),
    plan_change_id uuid CONSTRAINT fk_billing_records_plan_change_id_plan_changes REFERENCES plan_changes (id),
    invoice_id text,
    offline_invoice_id uuid,
    reference text CONSTRAINT ck_billing_records_reference CHECK (length(reference) BETWEEN 1 AND 200),
    transaction_id text,
    card_brand text,
    card_last4 text CONSTRAINT ck_billing_records_card_last4 CHECK (card_last4 ~ '^[0-9]{4}$'),
    failure_code text,
    failure text,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    reversed_at timestamptz,
    reversed_for text CONSTRAINT ck_billing_records_reversed_for CHECK (length(reversed_for) BETWEEN 1 AND 500),
    CONSTRAINT uq_billing_records_checkout_id UNIQUE (checkout_id),
    CONSTRAINT uq_billing_records_plan_change_id UNIQUE (plan_change_id),
    CONSTRAINT uq_billing_records_invoice_id UNIQUE (invoice_id),
    CONSTRAINT ck_billing_records_settled CHECK ((state = 'pending') = (settled_at IS NULL)),
    CONSTRAINT ck_billing_records_offline CHECK (
        (reason = 'offline_invoice') = (offline_invoice_id IS NOT NULL)
        AND (offline_invoice_id IS NULL OR num_nonnulls(checkout_id, invoice_id, transaction_id) = 0)),
    CONSTRAINT ck_billing_records_refunded CHECK (refunded BETWEEN 0 AND amount),
    CONSTRAINT ck_billing_records_reversed CHECK (
        num_nonnulls(reversed_at, reversed_for) = CASE state WHEN 'reversed' THEN 2 ELSE 0 END
        AND (state <> 'reversed' OR offline_invoice_id IS NOT NULL))
);
-- serves: the billing history of an org, newest first, by page
CREATE INDEX ix_billing_records_org_id_created_at_id ON billing_records (org_id, created_at, id);
-- serves: the payments of an invoice of ours
CREATE INDEX ix_billing_records_offline_invoice_id ON billing_records (offline_invoice_id)
    WHERE offline_invoice_id IS NOT NULL;
-- serves: what Stripe says of a payment intent (refunds, disputes)
CREATE INDEX ix_billing_records_transaction_id ON billing_records (transaction_id);
-- serves: the sweep that resolves what is pending by asking
CREATE INDEX ix_billing_records_pending ON billing_records (created_at) WHERE state = 'pending';

CREATE TABLE dunnings (
    id uuid CONSTRAINT pk_dunnings PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_dunnings_org_id_orgs REFERENCES orgs (id),
    stripe_subscription_id text NOT NULL
        CONSTRAINT fk_dunnings_stripe_subscription_id_stripe_subscriptions REFERENCES stripe_subscriptions (id),
    started_at timestamptz NOT NULL,
    mails integer NOT NULL DEFAULT 0 CONSTRAINT ck_dunnings_mails CHECK (mails >= 0),
    next_mail_at timestamptz,
    grace_ends_at timestamptz NOT NULL,
    limited_at timestamptz,
    ended_at timestamptz,
    outcome text CONSTRAINT ck_dunnings_outcome CHECK (outcome IN ('recovered', 'ended')),
    CONSTRAINT ck_dunnings_ended CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
-- serves: the dunning that runs for a subscription; and lets it have one only
CREATE UNIQUE INDEX uq_dunnings_open ON dunnings (stripe_subscription_id) WHERE ended_at IS NULL;
-- serves: the banner of an org
CREATE INDEX ix_dunnings_org_id ON dunnings (org_id) WHERE ended_at IS NULL;
-- serves: the sweep that sends the next mail
CREATE INDEX ix_dunnings_next_mail_at ON dunnings (next_mail_at) WHERE ended_at IS NULL;

CREATE TABLE stripe_inbox (
    id text CONSTRAINT pk_stripe_inbox PRIMARY KEY,
    type text NOT NULL,
    api_version text,
    livemode boolean NOT NULL,
    account text,
    object_type text NOT NULL,
    object_id text,
    customer_id text,
    org_id uuid,
    state text NOT NULL DEFAULT 'received' CONSTRAINT ck_stripe_inbox_state CHECK (
        state IN ('received', 'applied', 'ignored', 'refused', 'parked', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    error text,
    source text NOT NULL CONSTRAINT ck_stripe_inbox_source CHECK (source IN ('webhook', 'reconcile')),
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    settled_at timestamptz,
    replayed_at timestamptz
);
-- serves: the inbox page, newest first
CREATE INDEX ix_stripe_inbox_received_at_id ON stripe_inbox (received_at, id);
-- serves: what needs a person, and the health page
CREATE INDEX ix_stripe_inbox_state_received_at ON stripe_inbox (state, received_at)
    WHERE state IN ('received', 'parked', 'failed', 'refused');
-- serves: the events of one customer
CREATE INDEX ix_stripe_inbox_customer_id_received_at ON stripe_inbox (customer_id, received_at);
-- serves: the timeline of one org
CREATE INDEX ix_stripe_inbox_org_id_created_at ON stripe_inbox (org_id, created_at) WHERE org_id IS NOT NULL;

CREATE TABLE stripe_cursors (
    name text CONSTRAINT pk_stripe_cursors PRIMARY KEY,
    value text NOT NULL,
    at timestamptz NOT NULL
);
"""

FORWARD = """
CREATE TRIGGER {table}_only_forward BEFORE UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION states_only_move_forward();
"""


def upgrade() -> None:
    op.execute(TABLES)
    create_functions(op.get_bind(), "states_only_move_forward")
    for table in ("billing_records", "checkouts", "dunnings", "plan_changes", "stripe_inbox"):
        op.execute(FORWARD.format(table=table))


def downgrade() -> None:
    drop_functions(op.get_bind(), "payments")
    op.execute(
        "DROP TABLE trial_uses, stripe_cursors, stripe_inbox, dunnings, billing_records, plan_changes,"
        " stripe_balance_movements, stripe_refunds, stripe_credit_notes, stripe_invoices, stripe_subscriptions,"
        " checkouts, stripe_prices, customer_attempts, stripe_customers"
    )
