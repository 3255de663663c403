"""The tables of invoices: lines, each rated once for good, and the invoices that they stand on."""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE invoices (
    id uuid CONSTRAINT pk_invoices PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_invoices_org_id_orgs REFERENCES orgs (id),
    kind text NOT NULL CONSTRAINT ck_invoices_kind CHECK (kind IN ('renewal', 'manual', 'offline')),
    currency text NOT NULL CONSTRAINT ck_invoices_currency CHECK (currency ~ '^[A-Z]{3}$'),
    state text NOT NULL CONSTRAINT ck_invoices_state CHECK (state IN ('draft', 'final', 'dropped')),
    stripe_subscription_id text,
    stripe_invoice_id text,
    boundary_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT uq_invoices_stripe_invoice_id UNIQUE (stripe_invoice_id),
    CONSTRAINT ck_invoices_settled CHECK ((state = 'draft') = (settled_at IS NULL)),
    CONSTRAINT ck_invoices_collector CHECK (kind <> 'offline' OR stripe_invoice_id IS NULL),
    CONSTRAINT ck_invoices_renewal CHECK (
        kind <> 'renewal' OR num_nonnulls(stripe_subscription_id, stripe_invoice_id) = 2)
);
-- serves: the invoices of an org, newest first
CREATE INDEX ix_invoices_org_id_opened_at ON invoices (org_id, opened_at);
-- serves: the invoice that the close of a period fills; and lets there be one draft of a kind
CREATE UNIQUE INDEX uq_invoices_boundary ON invoices (org_id, boundary_at, kind) WHERE state = 'draft';

-- What a meter's usage of a closed period comes to, with all that the amount follows from.
CREATE TABLE invoice_lines (
    id uuid CONSTRAINT pk_invoice_lines PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_invoice_lines_org_id_orgs REFERENCES orgs (id),
    kind text NOT NULL CONSTRAINT ck_invoice_lines_kind CHECK (
        kind IN ('usage', 'late', 'before_change')),
    meter_id integer CONSTRAINT fk_invoice_lines_meter_id_meters REFERENCES meters (id),
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    plan_version_id uuid NOT NULL
        CONSTRAINT fk_invoice_lines_plan_version_id_plan_versions REFERENCES plan_versions (id),
    quantity numeric NOT NULL,
    imported numeric NOT NULL,
    events bigint NOT NULL,
    currency text NOT NULL CONSTRAINT ck_invoice_lines_currency CHECK (currency ~ '^[A-Z]{3}$'),
    exact_amount numeric NOT NULL,
    amount bigint NOT NULL,
    reason text CONSTRAINT ck_invoice_lines_reason CHECK (reason IN ('not_collected')),
    terms jsonb NOT NULL,
    breakdown jsonb NOT NULL,
    written_at timestamptz NOT NULL,
    -- what was committed when the line was written: which events it counts, and which are late
    seen text NOT NULL DEFAULT pg_current_snapshot()::text,
    invoice_id uuid CONSTRAINT fk_invoice_lines_invoice_id_invoices REFERENCES invoices (id),
    stripe_item_id text,
    CONSTRAINT ck_invoice_lines_meter CHECK ((kind = 'before_change') = (meter_id IS NULL)),
    CONSTRAINT ck_invoice_lines_period CHECK (period_end > period_start),
    CONSTRAINT ck_invoice_lines_item CHECK (stripe_item_id IS NULL OR invoice_id IS NOT NULL)
);
-- serves: the lines of a period; and lets a meter have one for what was counted when it was closed
CREATE UNIQUE INDEX uq_invoice_lines_usage ON invoice_lines (org_id, period_start, meter_id) WHERE kind = 'usage';
-- serves: what a closed period was billed so far
CREATE INDEX ix_invoice_lines_org_id_period_start ON invoice_lines (org_id, period_start);
-- serves: the lines of an invoice
CREATE INDEX ix_invoice_lines_invoice_id ON invoice_lines (invoice_id) WHERE invoice_id IS NOT NULL;
-- serves: the lines of an org that wait for an invoice
CREATE INDEX ix_invoice_lines_waiting ON invoice_lines (org_id) WHERE invoice_id IS NULL AND amount <> 0;
"""

GUARDS = """
CREATE TRIGGER invoice_lines_stay BEFORE UPDATE ON invoice_lines FOR EACH ROW
    WHEN ((OLD.id, OLD.org_id, OLD.kind, OLD.meter_id, OLD.period_start, OLD.period_end, OLD.quantity, OLD.imported,
           OLD.events, OLD.currency, OLD.exact_amount, OLD.amount, OLD.reason, OLD.terms, OLD.breakdown, OLD.seen)
          IS DISTINCT FROM
          (NEW.id, NEW.org_id, NEW.kind, NEW.meter_id, NEW.period_start, NEW.period_end, NEW.quantity, NEW.imported,
           NEW.events, NEW.currency, NEW.exact_amount, NEW.amount, NEW.reason, NEW.terms, NEW.breakdown, NEW.seen))
    EXECUTE FUNCTION invoice_line_is_final();
CREATE TRIGGER invoice_lines_kept BEFORE DELETE ON invoice_lines FOR EACH ROW
    EXECUTE FUNCTION invoice_line_is_final();
"""


def upgrade() -> None:
    op.execute(TABLES)
    create_functions(op.get_bind(), "invoice_line_is_final")
    op.execute(GUARDS)


def downgrade() -> None:
    drop_functions(op.get_bind(), "invoices")
    op.execute("DROP TABLE invoice_lines, invoices")
