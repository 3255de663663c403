"""The tables of metering: keys, events by month, erasable details, counters, windows, refusals, roll-ups, imports.

Keys and events have no foreign keys: they are only written together with the counter row, which has them. A foreign key
on events would lock the org's row for every event.
"""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

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
    import_id uuid,
    CONSTRAINT pk_usage_keys PRIMARY KEY (org_id, key),
    CONSTRAINT ck_usage_keys_content CHECK (octet_length(content) = 16)
);
-- serves the void of an import
CREATE INDEX ix_usage_keys_import_id ON usage_keys (import_id, org_id, key) WHERE import_id IS NOT NULL;

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

-- serves an org's raw events by time, newest first, and counting a period's events again
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
    -- what takes room, is shown in bars, and is priced
    billable numeric(38, 6) NOT NULL GENERATED ALWAYS AS (used - unbilled) STORED,
    events bigint NOT NULL DEFAULT 0,
    unsettled bigint,
    CONSTRAINT pk_usage_counters PRIMARY KEY (org_id, meter_id, period_start),
    CONSTRAINT fk_usage_counters_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id),
    CONSTRAINT fk_usage_counters_meter_id_meters FOREIGN KEY (meter_id) REFERENCES meters (id),
    CONSTRAINT ck_usage_counters_reserved CHECK (reserved >= 0)
) WITH (fillfactor = 50);
-- serves the task that counts anew what moved boundaries left unsettled
CREATE INDEX ix_usage_counters_unsettled ON usage_counters (org_id) WHERE unsettled IS NOT NULL;

CREATE TABLE usage_windows (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    span text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    used numeric(38, 6) NOT NULL DEFAULT 0,
    CONSTRAINT pk_usage_windows PRIMARY KEY (org_id, meter_id, span, starts_at),
    CONSTRAINT fk_usage_windows_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id),
    CONSTRAINT fk_usage_windows_meter_id_meters FOREIGN KEY (meter_id) REFERENCES meters (id),
    CONSTRAINT ck_usage_windows_span CHECK (span IN ('minute', 'hour', 'day'))
) WITH (fillfactor = 50);
-- serves the removal of past windows
CREATE INDEX ix_usage_windows_starts_at ON usage_windows (starts_at);

CREATE TABLE usage_uniques (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    period_start timestamptz NOT NULL,
    value_hash bytea NOT NULL,
    billable boolean NOT NULL,
    CONSTRAINT pk_usage_uniques PRIMARY KEY (org_id, meter_id, period_start, value_hash),
    CONSTRAINT ck_usage_uniques_value_hash CHECK (octet_length(value_hash) = 16)
);
"""

# Roll-ups derive from events alone, so dropping them loses nothing that a fold cannot rebuild. Only figures are
# updated, and no index has them, so that updates stay on their page (HOT). `unbilled` is part of the quantity, `free`
# is not; both only of sums and counts. The last three are packed histograms; NULL where no event has any.
ROLLUPS = """
CREATE TABLE usage_days (
    org_id uuid NOT NULL,
    dimension text NOT NULL,
    day date NOT NULL,
    meter_id integer NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    events bigint NOT NULL,
    unbilled numeric(38, 6),
    free numeric(38, 6),
    free_events bigint,
    responses numeric,
    latency numeric,
    sizes numeric,
    CONSTRAINT pk_usage_days PRIMARY KEY (org_id, dimension, day, meter_id, value),
    CONSTRAINT ck_usage_days_dimension
        CHECK (dimension IN ('', 'kind', 'provider', 'endpoint', 'user', 'client', 'key', 'plan', 'language', 'format',
                             'attempt', 'status', 'hour'))
) WITH (fillfactor = 70);
-- serves: the top orgs over days by meter (staff)
CREATE INDEX ix_usage_days_day_meter_id ON usage_days (day, meter_id) WHERE dimension = '';

CREATE TABLE usage_months (
    org_id uuid NOT NULL,
    dimension text NOT NULL,
    month date NOT NULL,
    meter_id integer NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    events bigint NOT NULL,
    unbilled numeric(38, 6),
    free numeric(38, 6),
    free_events bigint,
    responses numeric,
    latency numeric,
    sizes numeric,
    CONSTRAINT pk_usage_months PRIMARY KEY (org_id, dimension, month, meter_id, value),
    CONSTRAINT ck_usage_months_dimension
        CHECK (dimension IN ('', 'kind', 'provider', 'endpoint', 'user', 'client', 'key', 'plan', 'language', 'format',
                             'attempt', 'status', 'hour')),
    CONSTRAINT ck_usage_months_month CHECK (extract(day FROM month) = 1)
) WITH (fillfactor = 70);
-- serves: the top orgs of a month by meter (staff)
CREATE INDEX ix_usage_months_month_meter_id ON usage_months (month, meter_id) WHERE dimension = '';

CREATE TABLE usage_totals (
    day date NOT NULL,
    dimension text NOT NULL,
    meter_id integer NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    events bigint NOT NULL,
    unbilled numeric(38, 6),
    free numeric(38, 6),
    free_events bigint,
    responses numeric,
    latency numeric,
    sizes numeric,
    CONSTRAINT pk_usage_totals PRIMARY KEY (day, dimension, meter_id, value),
    CONSTRAINT ck_usage_totals_dimension CHECK (dimension IN ('', 'plan', 'kind', 'provider', 'endpoint', 'hour'))
) WITH (fillfactor = 50);

-- What a user used in a month, by a dimension with few values; the user's total is a row of usage_months. Quantities
-- are of sums and counts only. The order of the key serves all that is kept of a user over some months.
CREATE TABLE usage_user_months (
    org_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    month date NOT NULL,
    meter_id integer NOT NULL,
    dimension text NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6),
    events bigint NOT NULL,
    unbilled numeric(38, 6),
    free numeric(38, 6),
    free_events bigint,
    CONSTRAINT pk_usage_user_months PRIMARY KEY (org_id, subject_id, month, meter_id, dimension, value),
    CONSTRAINT ck_usage_user_months_dimension CHECK (dimension IN ('kind', 'provider', 'format', 'attempt')),
    CONSTRAINT ck_usage_user_months_month CHECK (extract(day FROM month) = 1)
) WITH (fillfactor = 70);

-- The days of a month, in the org's time zone, on which an org (`subject_id` is its own id) or one of its users had any
-- usage that counts: bit 0 is the first. The order of the key also serves the months around one.
CREATE TABLE usage_active_months (
    org_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    month date NOT NULL,
    days integer NOT NULL,
    CONSTRAINT pk_usage_active_months PRIMARY KEY (org_id, subject_id, month),
    CONSTRAINT ck_usage_active_months_month CHECK (extract(day FROM month) = 1)
) WITH (fillfactor = 90);

-- How many orgs or users were active on a day or in a month, by how long before they were so last: `gap` days or
-- months (usage_active_gap). So the sum of a day is who was active on it, and who was in a range of days is told by
-- those whose gap reaches back before it.
CREATE TABLE usage_active_counts (
    bucket text NOT NULL,
    starts_on date NOT NULL,
    is_user boolean NOT NULL,
    gap integer NOT NULL,
    active bigint NOT NULL,
    CONSTRAINT pk_usage_active_counts PRIMARY KEY (bucket, starts_on, is_user, gap),
    CONSTRAINT ck_usage_active_counts_bucket CHECK (bucket IN ('day', 'month'))
) WITH (fillfactor = 50);

CREATE TABLE rollup_state (
    name text CONSTRAINT pk_rollup_state PRIMARY KEY,
    upto bigint NOT NULL,
    floor_seq bigint NOT NULL,
    cluster text NOT NULL,
    folded_at timestamptz,
    CONSTRAINT ck_rollup_state_name CHECK (name IN ('orgs', 'totals'))
) WITH (fillfactor = 10);

-- The time zone of an org's roll-ups, and whether they must be rebuilt.
CREATE TABLE rollup_orgs (
    org_id uuid CONSTRAINT pk_rollup_orgs PRIMARY KEY,
    time_zone text NOT NULL,
    stale boolean NOT NULL,
    CONSTRAINT fk_rollup_orgs_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id)
);
-- serves: the fold's search for orgs to rebuild
CREATE INDEX ix_rollup_orgs_stale ON rollup_orgs (org_id) WHERE stale;

-- How each item that a `unique` meter counts stands on a day: the sum of its events' signs, below the watermark. The
-- hash contains the dimension and its value too. The order of the key also serves an item's days of a month.
CREATE TABLE rollup_values (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    day date NOT NULL,
    standing bigint NOT NULL,
    value_hash bytea NOT NULL,
    CONSTRAINT pk_rollup_values PRIMARY KEY (org_id, meter_id, value_hash, day),
    CONSTRAINT ck_rollup_values_value_hash CHECK (octet_length(value_hash) = 16)
) WITH (fillfactor = 90);
"""

IMPORTS = """
CREATE TABLE usage_imports (
    digest text NOT NULL,
    mapping text NOT NULL,
    id uuid NOT NULL,
    file text NOT NULL,
    line bigint NOT NULL,
    recorded bigint NOT NULL,
    duplicates bigint NOT NULL,
    bad bigint NOT NULL,
    brought bigint NOT NULL,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT pk_usage_imports PRIMARY KEY (digest, mapping),
    CONSTRAINT uq_usage_imports_id UNIQUE (id)
);
-- serves the search for an import of the same file name
CREATE INDEX ix_usage_imports_file ON usage_imports (file);
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
-- serves the removal of rows older than 30 days; rows arrive in time order
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
-- serves the removal of rows older than 30 days
CREATE INDEX ix_refused_quota_hour ON refused_quota (hour);

CREATE TABLE refused_hours (
    org_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    code text NOT NULL,
    kept bigint NOT NULL,
    more bigint NOT NULL,
    CONSTRAINT pk_refused_hours PRIMARY KEY (org_id, hour, code),
    CONSTRAINT fk_refused_hours_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id)
) WITH (fillfactor = 50);
-- serves the removal of rows older than 30 days
CREATE INDEX ix_refused_hours_hour ON refused_hours (hour);
"""

# An incoming event and the decision about it, as passed between the functions that record it; and usage above the
# watermark, between those that report it.
TYPES = """
CREATE TYPE usage_event_input AS (
    id text,
    key uuid,
    content bytea,
    meter text,
    quantity numeric,
    at timestamptz,
    kind text,
    provider text,
    endpoint text,
    language text,
    format text,
    "user" text,
    client text,
    job text,
    status integer,
    ms integer,
    bytes bigint,
    salt bytea,
    metadata jsonb
);

CREATE TYPE usage_recent_row AS (
    dimension text,
    day date,
    meter_id integer,
    aggregation text,
    value text,
    quantity numeric,
    events bigint,
    lowered boolean,
    unbilled numeric,
    free numeric,
    free_events bigint,
    responses numeric,
    latency numeric,
    sizes numeric
);
CREATE TYPE usage_decision AS (
    outcome text,
    facts jsonb,
    meter_id integer,
    is_max boolean,
    starts_at timestamptz,
    ends_at timestamptz,
    plan_version_id uuid,
    time_zone text,
    cap numeric,
    per_minute numeric,
    per_hour numeric,
    per_day numeric,
    subject_id uuid,
    client_id uuid,
    value bytea,
    delta numeric,
    makes_client boolean
);
"""

# Row triggers are cloned to every partition, including those attached later. TRUNCATE has no row trigger, so the
# function that creates partitions adds a statement trigger to each one.
TRIGGERS = """
CREATE TRIGGER usage_events_immutable BEFORE UPDATE OR DELETE ON usage_events
FOR EACH ROW EXECUTE FUNCTION usage_immutable();
CREATE TRIGGER usage_events_not_truncated BEFORE TRUNCATE ON usage_events
FOR EACH STATEMENT EXECUTE FUNCTION usage_immutable();
CREATE TRIGGER usage_events_not_truncated BEFORE TRUNCATE ON usage_events_default
FOR EACH STATEMENT EXECUTE FUNCTION usage_immutable();
"""

# Both watermarks start below every event of this database.
MARKS = """
INSERT INTO rollup_state (name, upto, floor_seq, cluster)
SELECT name, 0, 0, database_cluster() FROM unnest(ARRAY['orgs', 'totals']) AS name;
"""


def upgrade() -> None:
    create_functions(op.get_bind(), "usage_immutable", "usage_partitions", "database_cluster")
    for part in (EVENTS, COUNTERS, REFUSED, ROLLUPS, IMPORTS, TYPES, TRIGGERS, MARKS):
        op.execute(part)
    op.execute("SELECT usage_partitions(now(), 2, 3)")


def downgrade() -> None:
    drop_functions(op.get_bind(), "metering")
    op.execute(
        "DROP TABLE usage_imports, rollup_values, rollup_orgs, rollup_state, usage_totals, usage_user_months,"
        " usage_active_counts, usage_active_months, usage_months, usage_days,"
        " refused_hours, refused_quota, refused_events, usage_uniques, usage_windows,"
        " usage_counters, subjects, event_details, usage_events, usage_keys"
    )
    op.execute("DROP SEQUENCE usage_events_seq")
    op.execute("DROP TYPE usage_recent_row, usage_decision, usage_event_input")
