"""The tables of billing runs: how far the close of each usage period has come, and what it would come to."""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = """
-- A trigger looks up the orgs that new rows name.
CREATE TABLE period_closes (
    org_id uuid NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    mark bigint,
    cluster text,
    rated_at timestamptz,
    billed_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    replays integer NOT NULL DEFAULT 0,
    failed_at timestamptz,
    error text,
    CONSTRAINT pk_period_closes PRIMARY KEY (org_id, period_start),
    CONSTRAINT ck_period_closes_period CHECK (period_end > period_start),
    CONSTRAINT ck_period_closes_mark CHECK (num_nonnulls(mark, cluster, rated_at) IN (0, 3)),
    CONSTRAINT ck_period_closes_billed CHECK (billed_at IS NULL OR rated_at IS NOT NULL)
);
-- serves: the run that bills what is rated, and the report of what is not finished
CREATE INDEX ix_period_closes_unbilled ON period_closes (period_end) WHERE billed_at IS NULL;
-- serves: the report of a run
CREATE INDEX ix_period_closes_rated_at ON period_closes (rated_at);

CREATE TABLE rehearsals (
    org_id uuid NOT NULL CONSTRAINT fk_rehearsals_org_id_orgs REFERENCES orgs (id),
    night timestamptz NOT NULL,
    rehearsed_at timestamptz NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    currency text,
    amount bigint NOT NULL DEFAULT 0,
    late bigint NOT NULL DEFAULT 0,
    estimate bigint NOT NULL DEFAULT 0,
    lines jsonb NOT NULL DEFAULT '[]',
    error text,
    CONSTRAINT pk_rehearsals PRIMARY KEY (org_id, night),
    CONSTRAINT ck_rehearsals_period CHECK (period_end > period_start),
    CONSTRAINT ck_rehearsals_currency CHECK (currency ~ '^[A-Z]{3}$')
);
-- serves: what staff see of a night, by when the periods end
CREATE INDEX ix_rehearsals_night_period_end ON rehearsals (night, period_end);
-- serves: the alarms of a night
CREATE INDEX ix_rehearsals_alarms ON rehearsals (night) WHERE error IS NOT NULL OR amount <> estimate;
"""

GUARDS = """
CREATE TRIGGER period_closes_of_orgs AFTER INSERT ON period_closes REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION rows_name_orgs();
"""


def upgrade() -> None:
    op.execute(TABLES)
    create_functions(op.get_bind(), "rows_name_orgs")
    op.execute(GUARDS)


def downgrade() -> None:
    drop_functions(op.get_bind(), "billing_runs")
    op.execute("DROP TABLE period_closes, rehearsals")
