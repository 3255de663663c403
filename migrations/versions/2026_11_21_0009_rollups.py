"""Roll-ups kept up by a watermark, their functions, and how far each import has come.

Roll-ups are made of events alone: dropping them loses nothing that a fold would not build again.
"""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"

# Only quantity and events ever change and no index holds them, so that an update stays on its page (HOT).
TABLES = """
CREATE TABLE usage_days (
    org_id uuid NOT NULL,
    dimension text NOT NULL,
    day date NOT NULL,
    meter_id integer NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    events bigint NOT NULL,
    CONSTRAINT pk_usage_days PRIMARY KEY (org_id, dimension, day, meter_id, value),
    CONSTRAINT ck_usage_days_dimension
        CHECK (dimension IN ('', 'kind', 'provider', 'endpoint', 'user', 'client', 'key'))
) WITH (fillfactor = 70);

CREATE TABLE usage_months (
    org_id uuid NOT NULL,
    dimension text NOT NULL,
    month date NOT NULL,
    meter_id integer NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    events bigint NOT NULL,
    CONSTRAINT pk_usage_months PRIMARY KEY (org_id, dimension, month, meter_id, value),
    CONSTRAINT ck_usage_months_dimension
        CHECK (dimension IN ('', 'kind', 'provider', 'endpoint', 'user', 'client', 'key')),
    CONSTRAINT ck_usage_months_month CHECK (extract(day FROM month) = 1)
) WITH (fillfactor = 70);
-- serves: the top orgs of a month by a meter (staff)
CREATE INDEX ix_usage_months_month_meter_id ON usage_months (month, meter_id) WHERE dimension = '';

CREATE TABLE usage_totals (
    day date NOT NULL,
    dimension text NOT NULL,
    meter_id integer NOT NULL,
    value text NOT NULL,
    quantity numeric(38, 6) NOT NULL,
    events bigint NOT NULL,
    CONSTRAINT pk_usage_totals PRIMARY KEY (day, dimension, meter_id, value),
    CONSTRAINT ck_usage_totals_dimension CHECK (dimension IN ('', 'plan', 'kind', 'provider'))
) WITH (fillfactor = 50);

CREATE TABLE rollup_state (
    name text CONSTRAINT pk_rollup_state PRIMARY KEY,
    upto bigint NOT NULL,
    floor_seq bigint NOT NULL,
    cluster text NOT NULL,
    folded_at timestamptz,
    CONSTRAINT ck_rollup_state_name CHECK (name IN ('orgs', 'totals'))
) WITH (fillfactor = 10);

-- The zone in which an org's days were cut, and whether they wait to be built again.
CREATE TABLE rollup_orgs (
    org_id uuid CONSTRAINT pk_rollup_orgs PRIMARY KEY,
    time_zone text NOT NULL,
    stale boolean NOT NULL,
    CONSTRAINT fk_rollup_orgs_org_id_orgs FOREIGN KEY (org_id) REFERENCES orgs (id)
);
-- serves: the fold's look for orgs to build again
CREATE INDEX ix_rollup_orgs_stale ON rollup_orgs (org_id) WHERE stale;

-- Days of an org's meter that are computed anew rather than added to, since when.
CREATE TABLE rollup_anew (
    org_id uuid NOT NULL,
    meter_id integer NOT NULL,
    day date NOT NULL,
    noted_at timestamptz NOT NULL,
    CONSTRAINT pk_rollup_anew PRIMARY KEY (org_id, meter_id, day)
);

CREATE TABLE usage_imports (
    digest text NOT NULL,
    mapping text NOT NULL,
    file text NOT NULL,
    line bigint NOT NULL,
    recorded bigint NOT NULL,
    duplicates bigint NOT NULL,
    bad bigint NOT NULL,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT pk_usage_imports PRIMARY KEY (digest, mapping)
);
"""

FUNCTIONS = (
    "usage_recount(uuid, timestamptz, timestamptz)",
    "usage_window_figures(uuid[])",
    "usage_unique_figures(uuid[], timestamptz)",
    "usage_counter_figures(uuid[], timestamptz)",
    "usage_total_series(date, date, text)",
    "usage_breakdown(uuid, date, date, timestamptz, timestamptz, text)",
    "usage_series(text, uuid, date, date, timestamptz, timestamptz, text)",
    "usage_fold(integer, timestamptz, interval)",
    "usage_fold_noted(rollup_state, timestamptz, integer)",
    "usage_fold_anew(uuid[], integer, date, bigint, bigint)",
    "usage_fold_note(rollup_state, bigint, timestamptz)",
    "usage_fold_span(rollup_state, bigint)",
    "usage_fold_end(rollup_state, integer)",
    "usage_rebuild_totals()",
    "usage_rebuild(uuid[])",
    "usage_fold_restart(timestamptz)",
    "usage_mark(uuid)",
    "database_cluster()",
    "usage_fold_lock()",
    "usage_total_uniques(uuid[], date[], integer)",
    "usage_total_figures(integer[], timestamptz, timestamptz, bigint, bigint)",
    "usage_figures(text, uuid[], integer[], timestamptz, timestamptz, bigint, bigint)",
)


def upgrade() -> None:
    op.execute(TABLES)
    for name in ("rollups.sql", "rollup_reads.sql", "usage_recount.sql"):
        op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8"))
    # Events that stood here before these tables did are folded first: their transactions are of this cluster.
    op.execute(
        "INSERT INTO rollup_state (name, upto, floor_seq, cluster)"
        " SELECT name, 0, 0, database_cluster() FROM unnest(ARRAY['orgs', 'totals']) AS name"
    )


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP VIEW usage_counted")
    op.execute(
        "DROP TABLE usage_imports, rollup_anew, rollup_orgs, rollup_state, usage_totals, usage_months, usage_days"
    )
