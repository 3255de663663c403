"""The tables of subscriptions, usage periods and terms in force.

Periods and terms in force have the org first in every key and reference only orgs, meters and one another, so that
they can be sharded by org.
"""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE subscriptions (
    id uuid CONSTRAINT pk_subscriptions PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_subscriptions_org_id_orgs REFERENCES orgs (id),
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_subscriptions_plan_version_id_plan_versions REFERENCES plan_versions (id),
    usage_version_id uuid
        CONSTRAINT fk_subscriptions_usage_version_id_plan_versions REFERENCES plan_versions (id),
    state text NOT NULL CONSTRAINT ck_subscriptions_state CHECK (
        state IN ('incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'ended')),
    interval text NOT NULL CONSTRAINT ck_subscriptions_interval CHECK (interval IN ('month', 'year')),
    currency text NOT NULL CONSTRAINT ck_subscriptions_currency CHECK (currency ~ '^[A-Z]{3}$'),
    collection text NOT NULL CONSTRAINT ck_subscriptions_collection CHECK (collection IN ('none', 'offline', 'stripe')),
    anchor_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    billing_starts_at timestamptz NOT NULL,
    billing_ends_at timestamptz NOT NULL,
    cancel_at timestamptz,
    assigned_by uuid,
    limited_at timestamptz,
    restriction_lifted_until timestamptz,
    trial_starts_at timestamptz,
    trial_ends_at timestamptz,
    CONSTRAINT ck_subscriptions_ended CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CONSTRAINT ck_subscriptions_times CHECK (ended_at >= started_at),
    CONSTRAINT ck_subscriptions_billing_period CHECK (billing_ends_at > billing_starts_at),
    CONSTRAINT ck_subscriptions_trial CHECK (
        (trial_starts_at IS NULL) = (trial_ends_at IS NULL) AND trial_ends_at >= trial_starts_at)
);
-- serves: the subscription an org is on now; and lets it be on one only
CREATE UNIQUE INDEX uq_subscriptions_open ON subscriptions (org_id) WHERE ended_at IS NULL;
-- serves: the billing history of an org, newest first
CREATE INDEX ix_subscriptions_org_id_started_at ON subscriptions (org_id, started_at);
-- serves: who is on which version of a plan
CREATE INDEX ix_subscriptions_plan_version_id ON subscriptions (plan_version_id) WHERE ended_at IS NULL;
-- serves: the sweep that rolls billing periods forward
CREATE INDEX ix_subscriptions_billing_ends_at ON subscriptions (billing_ends_at) WHERE ended_at IS NULL;

CREATE TABLE subscription_events (
    id uuid CONSTRAINT pk_subscription_events PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_subscription_events_org_id_orgs REFERENCES orgs (id),
    subscription_id uuid NOT NULL
        CONSTRAINT fk_subscription_events_subscription_id_subscriptions REFERENCES subscriptions (id),
    kind text NOT NULL CONSTRAINT ck_subscription_events_kind CHECK (kind IN (
        'started', 'trial_started', 'trial_ended', 'renewed', 'plan_changed', 'upgraded', 'downgraded',
        'interval_changed', 'change_planned', 'change_undone', 'move_planned', 'move_undone',
        'cancel_planned', 'cancel_undone', 'past_due',
        'limited', 'recovered', 'ended')),
    key text NOT NULL,
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_subscription_events_plan_version_id_plan_versions REFERENCES plan_versions (id),
    at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    CONSTRAINT uq_subscription_events_subscription_id_kind_key UNIQUE (subscription_id, kind, key)
);
-- serves: the billing history of an org, newest first
CREATE INDEX ix_subscription_events_org_id_at ON subscription_events (org_id, at);

CREATE TABLE plans_in_force (
    org_id uuid NOT NULL CONSTRAINT fk_plans_in_force_org_id_orgs REFERENCES orgs (id),
    starts_at timestamptz NOT NULL,
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_plans_in_force_plan_version_id_plan_versions REFERENCES plan_versions (id),
    CONSTRAINT pk_plans_in_force PRIMARY KEY (org_id, starts_at)
);

-- Periods of an org tile time: every row but one names the end of the row before as its start.
CREATE TABLE usage_periods (
    org_id uuid NOT NULL CONSTRAINT fk_usage_periods_org_id_orgs REFERENCES orgs (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    previous_end timestamptz,
    plan_version_id uuid NOT NULL,
    time_zone text NOT NULL,
    currency text CONSTRAINT ck_usage_periods_currency CHECK (currency ~ '^[A-Z]{3}$'),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT pk_usage_periods PRIMARY KEY (org_id, starts_at),
    CONSTRAINT uq_usage_periods_org_id_ends_at UNIQUE (org_id, ends_at),
    CONSTRAINT fk_usage_periods_org_id_previous_end_usage_periods FOREIGN KEY (org_id, previous_end)
        REFERENCES usage_periods (org_id, ends_at) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_usage_periods_length CHECK (ends_at > starts_at),
    CONSTRAINT ck_usage_periods_tiling CHECK (previous_end = starts_at)
);
-- serves: the first period of an org; and lets one period only have none before it
CREATE UNIQUE INDEX uq_usage_periods_first ON usage_periods (org_id) WHERE previous_end IS NULL;
-- serves: the sweep that opens periods ahead (the last period of each org, by its end)
CREATE INDEX ix_usage_periods_ends_at ON usage_periods (ends_at);
-- serves: the sweep that closes periods
CREATE INDEX ix_usage_periods_open ON usage_periods (ends_at) WHERE closed_at IS NULL;

-- One row per meter and period. `sources` names the source of each value that is not the plan's.
CREATE TABLE terms_in_force (
    org_id uuid NOT NULL CONSTRAINT fk_terms_in_force_org_id_orgs REFERENCES orgs (id),
    meter_id integer NOT NULL CONSTRAINT fk_terms_in_force_meter_id_meters REFERENCES meters (id),
    period_start timestamptz NOT NULL,
    mentioned boolean NOT NULL,
    policy text NOT NULL CONSTRAINT ck_terms_in_force_policy CHECK (policy IN ('block', 'charge', 'warn')),
    allowance numeric CONSTRAINT ck_terms_in_force_allowance CHECK (allowance >= 0),
    hard_limit numeric CONSTRAINT ck_terms_in_force_hard_limit CHECK (hard_limit >= 0),
    cap numeric CONSTRAINT ck_terms_in_force_cap CHECK (cap >= 0),
    per_minute numeric CONSTRAINT ck_terms_in_force_per_minute CHECK (per_minute > 0),
    per_hour numeric CONSTRAINT ck_terms_in_force_per_hour CHECK (per_hour > 0),
    per_day numeric CONSTRAINT ck_terms_in_force_per_day CHECK (per_day > 0),
    charge_id uuid,
    sources jsonb NOT NULL,
    valid_until timestamptz,
    CONSTRAINT pk_terms_in_force PRIMARY KEY (org_id, meter_id, period_start),
    CONSTRAINT fk_terms_in_force_org_id_period_start_usage_periods FOREIGN KEY (org_id, period_start)
        REFERENCES usage_periods (org_id, starts_at) ON DELETE CASCADE
);
-- serves: all terms of one period (pages, resolving them anew, the cascade)
CREATE INDEX ix_terms_in_force_org_id_period_start ON terms_in_force (org_id, period_start);

-- Terms that charged for usage in a period until its plan was changed at `changed_at`: what they owe is not lowered.
CREATE TABLE superseded_terms (
    org_id uuid NOT NULL CONSTRAINT fk_superseded_terms_org_id_orgs REFERENCES orgs (id),
    period_start timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    meter_id integer NOT NULL CONSTRAINT fk_superseded_terms_meter_id_meters REFERENCES meters (id),
    plan_version_id uuid NOT NULL,
    allowance numeric CONSTRAINT ck_superseded_terms_allowance CHECK (allowance >= 0),
    charge_id uuid NOT NULL,
    CONSTRAINT pk_superseded_terms PRIMARY KEY (org_id, period_start, changed_at, meter_id),
    CONSTRAINT ck_superseded_terms_within CHECK (changed_at > period_start),
    CONSTRAINT fk_superseded_terms_org_id_period_start_usage_periods FOREIGN KEY (org_id, period_start)
        REFERENCES usage_periods (org_id, starts_at) ON DELETE CASCADE
);

-- Moves of everybody on a version of a plan to another one, asked for by staff; and the organisations they concern.
CREATE TABLE plan_moves (
    id uuid CONSTRAINT pk_plan_moves PRIMARY KEY,
    from_version_id uuid NOT NULL
        CONSTRAINT fk_plan_moves_from_version_id_plan_versions REFERENCES plan_versions (id),
    to_version_id uuid NOT NULL CONSTRAINT fk_plan_moves_to_version_id_plan_versions REFERENCES plan_versions (id),
    reason text NOT NULL,
    not_before timestamptz NOT NULL,
    asked_by uuid,
    asked_at timestamptz NOT NULL,
    stopped_by uuid,
    stopped_at timestamptz,
    CONSTRAINT ck_plan_moves_versions CHECK (from_version_id <> to_version_id),
    CONSTRAINT ck_plan_moves_notice CHECK (not_before >= asked_at)
);
-- serves: the moves of a plan's versions, on staff's page of it
CREATE INDEX ix_plan_moves_to_version_id_asked_at ON plan_moves (to_version_id, asked_at);

-- Changes of plan for the end of a billing period.
CREATE TABLE planned_changes (
    id uuid CONSTRAINT pk_planned_changes PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_planned_changes_org_id_orgs REFERENCES orgs (id),
    subscription_id uuid NOT NULL
        CONSTRAINT fk_planned_changes_subscription_id_subscriptions REFERENCES subscriptions (id),
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_planned_changes_plan_version_id_plan_versions REFERENCES plan_versions (id),
    interval text NOT NULL CONSTRAINT ck_planned_changes_interval CHECK (interval IN ('month', 'year')),
    currency text NOT NULL CONSTRAINT ck_planned_changes_currency CHECK (currency ~ '^[A-Z]{3}$'),
    effective_at timestamptz NOT NULL,
    origin text NOT NULL CONSTRAINT ck_planned_changes_origin CHECK (origin IN ('org', 'staff')),
    not_before timestamptz,
    usage_at timestamptz,
    usage_applied_at timestamptz,
    reason text,
    schedule_ref text,
    planned_by uuid,
    planned_at timestamptz NOT NULL,
    released_at timestamptz,
    ended_at timestamptz,
    outcome text CONSTRAINT ck_planned_changes_outcome CHECK (outcome IN ('applied', 'undone', 'replaced', 'lost')),
    CONSTRAINT ck_planned_changes_ended CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT ck_planned_changes_notice CHECK ((origin = 'staff') = (not_before IS NOT NULL)),
    CONSTRAINT ck_planned_changes_usage CHECK (usage_applied_at IS NULL OR usage_at IS NOT NULL)
);
-- serves: the planned change of an org; and lets it have one only
CREATE UNIQUE INDEX uq_planned_changes_open ON planned_changes (org_id) WHERE ended_at IS NULL;
-- serves: whether a schedule at Stripe is one of ours
CREATE INDEX ix_planned_changes_schedule_ref ON planned_changes (schedule_ref);
-- serves: the sweep that lets staff's changes take effect
CREATE INDEX ix_planned_changes_staff ON planned_changes (effective_at) WHERE ended_at IS NULL AND origin = 'staff';

CREATE TABLE plan_move_orgs (
    move_id uuid NOT NULL CONSTRAINT fk_plan_move_orgs_move_id_plan_moves REFERENCES plan_moves (id),
    org_id uuid NOT NULL CONSTRAINT fk_plan_move_orgs_org_id_orgs REFERENCES orgs (id),
    state text NOT NULL CONSTRAINT ck_plan_move_orgs_state CHECK (
        state IN ('waiting', 'planned', 'kept', 'failed', 'undoing', 'undone')),
    note text,
    planned_id uuid CONSTRAINT fk_plan_move_orgs_planned_id_planned_changes REFERENCES planned_changes (id),
    tried_at timestamptz,
    CONSTRAINT pk_plan_move_orgs PRIMARY KEY (move_id, org_id),
    CONSTRAINT ck_plan_move_orgs_planned CHECK (state <> 'planned' OR planned_id IS NOT NULL)
);
-- serves: the task that plans the moves of organisations, and takes them back
CREATE INDEX ix_plan_move_orgs_open ON plan_move_orgs (tried_at) WHERE state IN ('waiting', 'kept', 'undoing');

-- What an org is charged on a recurring basis from `starts_at` on, as it was known at `noted_at`. Never updated.
CREATE TABLE recurring_charges (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_recurring_charges PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_recurring_charges_org_id_orgs REFERENCES orgs (id),
    subscription_id uuid NOT NULL
        CONSTRAINT fk_recurring_charges_subscription_id_subscriptions REFERENCES subscriptions (id),
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_recurring_charges_plan_version_id_plan_versions REFERENCES plan_versions (id),
    state text NOT NULL CONSTRAINT ck_recurring_charges_state CHECK (
        state IN ('incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'ended')),
    collection text NOT NULL CONSTRAINT ck_recurring_charges_collection CHECK (
        collection IN ('none', 'offline', 'stripe')),
    currency text NOT NULL CONSTRAINT ck_recurring_charges_currency CHECK (currency ~ '^[A-Z]{3}$'),
    fees jsonb NOT NULL,
    discounts jsonb NOT NULL,
    paused boolean NOT NULL,
    trial_ends_at timestamptz,
    cancel_at timestamptz,
    starts_at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL
);
-- serves: the last row of an org, and the order in which its rows were noted
CREATE INDEX ix_recurring_charges_org_id_id ON recurring_charges (org_id, id);

CREATE TABLE overage_consents (
    id uuid CONSTRAINT pk_overage_consents PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_overage_consents_org_id_orgs REFERENCES orgs (id),
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_overage_consents_plan_version_id_plan_versions REFERENCES plan_versions (id),
    currency text NOT NULL CONSTRAINT ck_overage_consents_currency CHECK (currency ~ '^[A-Z]{3}$'),
    started_at timestamptz NOT NULL,
    started_by uuid,
    ended_at timestamptz,
    ended_for text CONSTRAINT ck_overage_consents_ended_for CHECK (
        ended_for IN ('switched_off', 'replaced', 'plan_changed', 'card_removed')),
    CONSTRAINT ck_overage_consents_times CHECK (ended_at >= started_at),
    CONSTRAINT ck_overage_consents_ended CHECK ((ended_at IS NULL) = (ended_for IS NULL))
);
-- serves: the consents of an org, to resolve its terms
CREATE INDEX ix_overage_consents_org_id_started_at ON overage_consents (org_id, started_at);
-- serves: the consent in force; and lets an org have one
CREATE UNIQUE INDEX uq_overage_consents_open ON overage_consents (org_id) WHERE ended_at IS NULL;

-- Exceptions for one org. `ended_at` is when it was taken back, replaced, or lost with its plan.
CREATE TABLE overrides (
    id uuid CONSTRAINT pk_overrides PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_overrides_org_id_orgs REFERENCES orgs (id),
    key text NOT NULL CONSTRAINT ck_overrides_key CHECK (
        key ~ '^(allowance|policy|hard_limit|per_minute|per_hour|per_day|charge|overage_price|limit|feature)'
               ':[a-z][a-z0-9_]{0,62}$'),
    value jsonb NOT NULL,
    currency text CONSTRAINT ck_overrides_currency CHECK (currency ~ '^[A-Z]{3}$'),
    reason text NOT NULL CONSTRAINT ck_overrides_reason CHECK (length(reason) BETWEEN 1 AND 500),
    plan_id uuid CONSTRAINT fk_overrides_plan_id_plans REFERENCES plans (id),
    given_by uuid,
    given_at timestamptz NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT ck_overrides_length CHECK (ends_at > starts_at)
);
-- serves: the overrides of an org that hold or will; and lets one hold at a time a key
CREATE UNIQUE INDEX uq_overrides_open ON overrides (org_id, key) WHERE ended_at IS NULL;
-- serves: all overrides that an org has had, for its timeline
CREATE INDEX ix_overrides_org_id ON overrides (org_id);

-- What belongs to no meter, now: limits (`limit:<key>`, with an amount) and features (`feature:<key>`, with a value).
CREATE TABLE org_terms (
    org_id uuid NOT NULL CONSTRAINT fk_org_terms_org_id_orgs REFERENCES orgs (id),
    key text NOT NULL CONSTRAINT ck_org_terms_key CHECK (key ~ '^(limit|feature):[a-z][a-z0-9_]{0,62}$'),
    amount numeric CONSTRAINT ck_org_terms_amount CHECK (amount >= 0),
    value jsonb,
    label text,
    position integer,
    source text NOT NULL CONSTRAINT ck_org_terms_source CHECK (
        source IN ('plan', 'override', 'restriction', 'not_collected', 'trial')),
    valid_until timestamptz,
    CONSTRAINT pk_org_terms PRIMARY KEY (org_id, key)
);
"""


GUARDS = """
CREATE TRIGGER usage_periods_closed_stay BEFORE UPDATE ON usage_periods FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL AND
          (OLD.starts_at, OLD.ends_at, OLD.plan_version_id, OLD.time_zone, OLD.currency, OLD.closed_at) IS DISTINCT FROM
          (NEW.starts_at, NEW.ends_at, NEW.plan_version_id, NEW.time_zone, NEW.currency, NEW.closed_at))
    EXECUTE FUNCTION closed_period_is_final();
CREATE TRIGGER usage_periods_closed_kept BEFORE DELETE ON usage_periods FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION closed_period_is_final();
"""


def upgrade() -> None:
    op.execute(TABLES)
    create_functions(op.get_bind(), "closed_period_is_final")
    op.execute(GUARDS)


def downgrade() -> None:
    drop_functions(op.get_bind(), "subscriptions")
    op.execute(
        "DROP TABLE org_terms, overrides, overage_consents, recurring_charges, plan_move_orgs, planned_changes,"
        " plan_moves, superseded_terms, terms_in_force,"
        " usage_periods, plans_in_force, subscription_events, subscriptions"
    )
