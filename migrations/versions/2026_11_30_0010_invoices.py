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
    other_amount bigint,
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

-- What is taken back of the lines of a final invoice. `due_amount` lowered what was due, the rest had been paid.
CREATE TABLE credit_notes (
    id uuid CONSTRAINT pk_credit_notes PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_credit_notes_org_id_orgs REFERENCES orgs (id),
    invoice_id uuid NOT NULL CONSTRAINT fk_credit_notes_invoice_id_invoices REFERENCES invoices (id),
    currency text NOT NULL CONSTRAINT ck_credit_notes_currency CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CONSTRAINT ck_credit_notes_amount CHECK (amount > 0),
    state text NOT NULL CONSTRAINT ck_credit_notes_state CHECK (state IN ('pending', 'issued', 'dropped')),
    stripe_credit_note_id text,
    number text,
    pdf_url text,
    due_amount bigint,
    refund_amount bigint,
    balance_amount bigint,
    opened_at timestamptz NOT NULL,
    settled_at timestamptz,
    replays integer NOT NULL DEFAULT 0,
    error text,
    CONSTRAINT uq_credit_notes_stripe_credit_note_id UNIQUE (stripe_credit_note_id),
    CONSTRAINT ck_credit_notes_settled CHECK ((state = 'pending') = (settled_at IS NULL)),
    CONSTRAINT ck_credit_notes_issued CHECK (
        num_nonnulls(due_amount, refund_amount, balance_amount) = CASE state WHEN 'issued' THEN 3 ELSE 0 END)
);
-- serves: the credit notes of invoices
CREATE INDEX ix_credit_notes_invoice_id ON credit_notes (invoice_id);
-- serves: the run that issues what is pending
CREATE INDEX ix_credit_notes_pending ON credit_notes (opened_at) WHERE state = 'pending';

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
    invoice_id uuid CONSTRAINT fk_invoice_lines_invoice_id_invoices REFERENCES invoices (id),
    stripe_item_id text,
    credit_note_id uuid CONSTRAINT fk_invoice_lines_credit_note_id_credit_notes REFERENCES credit_notes (id),
    credits_line_id uuid CONSTRAINT fk_invoice_lines_credits_line_id_invoice_lines REFERENCES invoice_lines (id),
    CONSTRAINT ck_invoice_lines_meter CHECK ((kind = 'before_change') = (meter_id IS NULL)),
    CONSTRAINT ck_invoice_lines_period CHECK (period_end > period_start),
    CONSTRAINT ck_invoice_lines_item CHECK (stripe_item_id IS NULL OR invoice_id IS NOT NULL),
    CONSTRAINT ck_invoice_lines_credit CHECK (
        num_nonnulls(credit_note_id, credits_line_id) = 0
        OR num_nonnulls(credit_note_id, credits_line_id) = 2 AND invoice_id IS NULL AND amount < 0)
);
-- serves: the lines of a period; and lets a meter have one for what was counted when it was closed
CREATE UNIQUE INDEX uq_invoice_lines_usage ON invoice_lines (org_id, period_start, meter_id) WHERE kind = 'usage';
-- serves: what a closed period was billed so far
CREATE INDEX ix_invoice_lines_org_id_period_start ON invoice_lines (org_id, period_start);
-- serves: the lines of an invoice
CREATE INDEX ix_invoice_lines_invoice_id ON invoice_lines (invoice_id) WHERE invoice_id IS NOT NULL;
-- serves: the lines of a credit note, and of the credit notes on an invoice
CREATE INDEX ix_invoice_lines_credit_note_id ON invoice_lines (credit_note_id) WHERE credit_note_id IS NOT NULL;
-- serves: what was credited of a line
CREATE INDEX ix_invoice_lines_credits_line_id ON invoice_lines (credits_line_id) WHERE credits_line_id IS NOT NULL;
-- serves: the lines of an org that wait for an invoice
CREATE INDEX ix_invoice_lines_waiting ON invoice_lines (org_id)
    WHERE invoice_id IS NULL AND credit_note_id IS NULL AND amount <> 0;
"""

GUARDS = """
CREATE TRIGGER invoice_lines_stay BEFORE UPDATE ON invoice_lines FOR EACH ROW
    WHEN ((OLD.id, OLD.org_id, OLD.kind, OLD.meter_id, OLD.period_start, OLD.period_end, OLD.quantity, OLD.imported,
           OLD.events, OLD.currency, OLD.exact_amount, OLD.amount, OLD.reason, OLD.terms, OLD.breakdown)
          IS DISTINCT FROM
          (NEW.id, NEW.org_id, NEW.kind, NEW.meter_id, NEW.period_start, NEW.period_end, NEW.quantity, NEW.imported,
           NEW.events, NEW.currency, NEW.exact_amount, NEW.amount, NEW.reason, NEW.terms, NEW.breakdown))
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
    op.execute("DROP TABLE invoice_lines, credit_notes, invoices")
