"""The tables of metering: keys, events by month, their erasable details, counters, windows, refusals.

Keys and events carry no foreign keys: they are written only together with the counter row, which has them. A foreign
key on each event would lock the org's row for every event of it.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

EVENTS = """
CREATE SEQUENCE usage_events_seq;

CREATE TABLE usage_keys (
    org_id uuid NOT NULL,
    key uuid NOT NULL,
    content bytea NOT NULL,
    occurred_at timestamptz NOT NULL,
    CONSTRAINT pk_usage_keys PRIMARY KEY (org_id, key),
    CONSTRAINT ck_usage_keys_content CHECK (octet_length(content) = 16)
);

CREATE TABLE usage_events (
    seq bigint NOT NULL DEFAULT nextval('usage_events_seq'),
    tx bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    response_ms integer,
    meter_id integer NOT NULL,
    org_id uuid NOT NULL,
    key uuid NOT NULL,
    file_bytes bigint,
    status_code integer,
    billable boolean NOT NULL,
    plan_version_id uuid,
    subject_id uuid,
    client_id uuid,
    api_key_id uuid,
    reverses uuid,
    quantity numeric(21, 6) NOT NULL,
    event_id text NOT NULL,
    source text NOT NULL,
    kind text,
    provider text,
    endpoint text,
    language text,
    format text,
    job_id text,
    attempt text,
    billing_reason text,
    details_hash bytea,
    CONSTRAINT ck_usage_events_quantity CHECK (quantity >= 0 OR reverses IS NOT NULL),
    CONSTRAINT ck_usage_events_source CHECK (source IN ('api', 'import', 'job', 'void')),
    CONSTRAINT ck_usage_events_attempt CHECK (attempt IN ('original', 'retry', 'rerun'))
) PARTITION BY RANGE (occurred_at);

-- serves an org's raw events by time, newest first, and the recount of one counter
CREATE INDEX ix_usage_events_org_id_occurred_at ON usage_events (org_id, occurred_at);
-- serves the roll-ups: the rows of transactions between two watermarks
CREATE INDEX ix_usage_events_tx ON usage_events USING brin (tx) WITH (autosummarize = on, pages_per_range = 32);

CREATE TABLE usage_events_default PARTITION OF usage_events DEFAULT;

CREATE TABLE event_details (
    org_id uuid NOT NULL,
    key uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    salt bytea NOT NULL,
    metadata jsonb NOT NULL,
    CONSTRAINT pk_event_details PRIMARY KEY (org_id, key, occurred_at)
) PARTITION BY RANGE (occurred_at);

CREATE TABLE event_details_default PARTITION OF event_details DEFAULT;
"""

COUNTERS = """
CREATE TABLE subjects (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    label text,
    user_id uuid,
    erased_at timestamptz,
    CONSTRAINT pk_subjects PRIMARY KEY (org_id, id),
    CONSTRAINT uq_subjects_org_id_label UNIQUE (org_id, label),
    CONSTRAINT fk_subjects_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id)
);

CREATE TABLE usage_counters (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    period_start timestamptz NOT NULL,
    used numeric(38, 6) NOT NULL DEFAULT 0,
    reserved numeric(38, 6) NOT NULL DEFAULT 0,
    unbilled numeric(38, 6) NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_usage_counters PRIMARY KEY (org_id, meter_id, period_start),
    CONSTRAINT fk_usage_counters_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id),
    CONSTRAINT fk_usage_counters_meter_id_meters FOREIGN KEY (meter_id) REFERENCES meters (id),
    CONSTRAINT ck_usage_counters_reserved CHECK (reserved >= 0)
) WITH (fillfactor = 50);

CREATE TABLE usage_windows (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    span text NOT NULL,
    starts_at timestamptz NOT NULL,
    used numeric(38, 6) NOT NULL DEFAULT 0,
    CONSTRAINT pk_usage_windows PRIMARY KEY (org_id, meter_id, span, starts_at),
    CONSTRAINT fk_usage_windows_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id),
    CONSTRAINT fk_usage_windows_meter_id_meters FOREIGN KEY (meter_id) REFERENCES meters (id),
    CONSTRAINT ck_usage_windows_span CHECK (span IN ('minute', 'hour', 'day'))
) WITH (fillfactor = 50);
-- serves the daily removal of windows that have passed
CREATE INDEX ix_usage_windows_starts_at ON usage_windows (starts_at);

CREATE TABLE usage_uniques (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    period_start timestamptz NOT NULL,
    value_hash bytea NOT NULL,
    CONSTRAINT pk_usage_uniques PRIMARY KEY (org_id, meter_id, period_start, value_hash),
    CONSTRAINT ck_usage_uniques_value_hash CHECK (octet_length(value_hash) = 16)
);
"""

REFUSED = """
CREATE TABLE refused_events (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    event_id text,
    code text NOT NULL,
    detail text NOT NULL,
    event json NOT NULL,
    CONSTRAINT pk_refused_events PRIMARY KEY (org_id, id),
    CONSTRAINT fk_refused_events_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id)
);
-- serves the removal of what is older than 30 days; rows arrive in order of time
CREATE INDEX ix_refused_events_at ON refused_events USING brin (at);

CREATE TABLE refused_quota (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    hour timestamptz NOT NULL,
    count bigint NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    CONSTRAINT pk_refused_quota PRIMARY KEY (org_id, meter_id, hour),
    CONSTRAINT fk_refused_quota_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id),
    CONSTRAINT fk_refused_quota_meter_id_meters FOREIGN KEY (meter_id) REFERENCES meters (id)
) WITH (fillfactor = 50);
-- serves the removal of what is older than 30 days
CREATE INDEX ix_refused_quota_hour ON refused_quota (hour);
"""

# Row triggers are cloned to every partition, also to those attached later; TRUNCATE has no row trigger, so the
# function that makes partitions adds its own to each.
IMMUTABLE = """
CREATE FUNCTION usage_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'usage events are never changed or deleted' USING ERRCODE = 'TK003';
END $$;

CREATE TRIGGER usage_events_immutable BEFORE UPDATE OR DELETE ON usage_events
FOR EACH ROW EXECUTE FUNCTION usage_immutable();
CREATE TRIGGER usage_events_not_truncated BEFORE TRUNCATE ON usage_events
FOR EACH STATEMENT EXECUTE FUNCTION usage_immutable();
CREATE TRIGGER usage_events_not_truncated BEFORE TRUNCATE ON usage_events_default
FOR EACH STATEMENT EXECUTE FUNCTION usage_immutable();
"""


def upgrade() -> None:
    for part in (EVENTS, COUNTERS, REFUSED, IMMUTABLE):
        op.execute(part)


def downgrade() -> None:
    for table in (
        "refused_quota",
        "refused_events",
        "usage_uniques",
        "usage_windows",
        "usage_counters",
        "subjects",
        "event_details",
        "usage_events",
        "usage_keys",
    ):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP SEQUENCE usage_events_seq")
    op.execute("DROP FUNCTION usage_immutable()")
