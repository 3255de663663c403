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
    looked_at timestamptz,
    discounts jsonb NOT NULL DEFAULT '[]',
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

-- What a meter's usage of a closed period comes to, with all that the amount follows from. Triggers look up the orgs,
-- meters and plan versions that new lines name. Terms and breakdown are written once and read whole.
CREATE TABLE invoice_lines (
    id uuid CONSTRAINT pk_invoice_lines PRIMARY KEY,
    org_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT ck_invoice_lines_kind CHECK (
        kind IN ('usage', 'late', 'before_change', 'fee')),
    meter_id integer,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    plan_version_id uuid NOT NULL,
    quantity numeric NOT NULL,
    imported numeric NOT NULL,
    events bigint NOT NULL,
    currency text NOT NULL CONSTRAINT ck_invoice_lines_currency CHECK (currency ~ '^[A-Z]{3}$'),
    exact_amount numeric NOT NULL,
    amount bigint NOT NULL,
    reason text CONSTRAINT ck_invoice_lines_reason CHECK (reason IN ('not_collected', 'trial')),
    terms json NOT NULL,
    breakdown json NOT NULL,
    written_at timestamptz NOT NULL,
    -- what was committed when the line was written: which events it counts, and which are late
    seen text NOT NULL DEFAULT pg_current_snapshot()::text,
    invoice_id uuid CONSTRAINT fk_invoice_lines_invoice_id_invoices REFERENCES invoices (id),
    discount bigint NOT NULL DEFAULT 0,
    stripe_item_id text,
    credit_note_id uuid CONSTRAINT fk_invoice_lines_credit_note_id_credit_notes REFERENCES credit_notes (id),
    credits_line_id uuid CONSTRAINT fk_invoice_lines_credits_line_id_invoice_lines REFERENCES invoice_lines (id),
    CONSTRAINT ck_invoice_lines_meter CHECK ((kind IN ('before_change', 'fee')) = (meter_id IS NULL)),
    CONSTRAINT ck_invoice_lines_period CHECK (period_end > period_start),
    CONSTRAINT ck_invoice_lines_item CHECK (stripe_item_id IS NULL OR invoice_id IS NOT NULL),
    CONSTRAINT ck_invoice_lines_discount CHECK (discount BETWEEN least(amount, 0) AND greatest(amount, 0)),
    CONSTRAINT ck_invoice_lines_discounted CHECK (
        discount = 0 OR invoice_id IS NOT NULL OR credit_note_id IS NOT NULL),
    CONSTRAINT ck_invoice_lines_credit CHECK (
        num_nonnulls(credit_note_id, credits_line_id) = 0
        OR num_nonnulls(credit_note_id, credits_line_id) = 2 AND invoice_id IS NULL AND amount < 0)
);
-- serves: the lines of a period, and what it was billed so far; and lets a meter have one for what was counted when it
-- was closed: of other lines the last column is null, and nulls differ
CREATE UNIQUE INDEX uq_invoice_lines_usage
    ON invoice_lines (org_id, period_start, meter_id, nullif(kind = 'usage', false));
-- serves: which billing periods have their fee; and lets each have one
CREATE UNIQUE INDEX uq_invoice_lines_fee ON invoice_lines (org_id, period_start) WHERE kind = 'fee';
-- serves: the lines of an invoice
CREATE INDEX ix_invoice_lines_invoice_id ON invoice_lines (invoice_id) WHERE invoice_id IS NOT NULL;
-- serves: the lines of a credit note, and of the credit notes on an invoice
CREATE INDEX ix_invoice_lines_credit_note_id ON invoice_lines (credit_note_id) WHERE credit_note_id IS NOT NULL;
-- serves: what was credited of a line
CREATE INDEX ix_invoice_lines_credits_line_id ON invoice_lines (credits_line_id) WHERE credits_line_id IS NOT NULL;
-- serves: the lines of an org that wait for an invoice
CREATE INDEX ix_invoice_lines_waiting ON invoice_lines (org_id)
    WHERE invoice_id IS NULL AND credit_note_id IS NULL AND amount <> 0;

-- The last number given in each series of our own documents.
CREATE TABLE number_series (
    series text CONSTRAINT pk_number_series PRIMARY KEY,
    last integer NOT NULL CONSTRAINT ck_number_series_last CHECK (last > 0)
);

-- Within how many days an org pays our own invoices, where staff agreed other terms than the usual ones.
CREATE TABLE invoice_terms (
    org_id uuid CONSTRAINT pk_invoice_terms PRIMARY KEY CONSTRAINT fk_invoice_terms_org_id_orgs REFERENCES orgs (id),
    days integer NOT NULL CONSTRAINT ck_invoice_terms_days CHECK (days BETWEEN 0 AND 365),
    set_at timestamptz NOT NULL
);

-- Our own invoices, as they were issued, and what has become of them since.
CREATE TABLE issued_invoices (
    invoice_id uuid CONSTRAINT pk_issued_invoices PRIMARY KEY
        CONSTRAINT fk_issued_invoices_invoice_id_invoices REFERENCES invoices (id),
    org_id uuid NOT NULL CONSTRAINT fk_issued_invoices_org_id_orgs REFERENCES orgs (id),
    number text NOT NULL,
    series text NOT NULL CONSTRAINT fk_issued_invoices_series_number_series REFERENCES number_series (series),
    ordinal integer NOT NULL CONSTRAINT ck_issued_invoices_ordinal CHECK (ordinal > 0),
    currency text NOT NULL CONSTRAINT ck_issued_invoices_currency CHECK (currency ~ '^[A-Z]{3}$'),
    total bigint NOT NULL CONSTRAINT ck_issued_invoices_total CHECK (total >= 0),
    issued_at timestamptz NOT NULL,
    issued_on date NOT NULL,
    due_on date NOT NULL CONSTRAINT ck_issued_invoices_due_on CHECK (due_on >= issued_on),
    due_at timestamptz NOT NULL,
    time_zone text NOT NULL,
    seller jsonb NOT NULL,
    buyer jsonb NOT NULL,
    lines jsonb NOT NULL,
    state text NOT NULL CONSTRAINT ck_issued_invoices_state CHECK (state IN ('open', 'paid', 'void', 'written_off')),
    paid bigint NOT NULL DEFAULT 0 CONSTRAINT ck_issued_invoices_paid CHECK (paid >= 0),
    credited bigint NOT NULL DEFAULT 0 CONSTRAINT ck_issued_invoices_credited CHECK (credited >= 0),
    remaining bigint GENERATED ALWAYS AS (total - paid - credited) STORED,
    reason text CONSTRAINT ck_issued_invoices_reason CHECK (length(reason) BETWEEN 1 AND 500),
    settled_at timestamptz,
    written_off bigint,
    written_off_at timestamptz,
    mails integer NOT NULL DEFAULT 0 CONSTRAINT ck_issued_invoices_mails CHECK (mails >= 0),
    next_mail_at timestamptz,
    CONSTRAINT uq_issued_invoices_number UNIQUE (number),
    CONSTRAINT uq_issued_invoices_series_ordinal UNIQUE (series, ordinal),
    CONSTRAINT ck_issued_invoices_remaining CHECK (remaining >= 0),
    CONSTRAINT ck_issued_invoices_settled CHECK ((state = 'open') = (settled_at IS NULL)),
    CONSTRAINT ck_issued_invoices_all_paid CHECK ((state = 'paid') = (remaining = 0 AND state <> 'void')),
    CONSTRAINT ck_issued_invoices_void CHECK (state <> 'void' OR paid + credited = 0),
    CONSTRAINT ck_issued_invoices_explained CHECK (state NOT IN ('void', 'written_off') OR reason IS NOT NULL),
    CONSTRAINT ck_issued_invoices_written_off CHECK (
        num_nonnulls(written_off, written_off_at) <> 1 AND (state <> 'written_off' OR written_off IS NOT NULL)),
    CONSTRAINT ck_issued_invoices_next_mail CHECK (next_mail_at IS NULL OR state = 'open')
);
-- serves: the invoices of an org, newest first
CREATE INDEX ix_issued_invoices_org_id_issued_at_invoice_id ON issued_invoices (org_id, issued_at, invoice_id);
-- serves: what is owed, the longest overdue first
CREATE INDEX ix_issued_invoices_open ON issued_invoices (due_at, invoice_id) WHERE state = 'open';
-- serves: staff's list of all, newest first
CREATE INDEX ix_issued_invoices_issued_at ON issued_invoices (issued_at, invoice_id);
-- serves: the sweep that sends the next email
CREATE INDEX ix_issued_invoices_next_mail_at ON issued_invoices (next_mail_at) WHERE next_mail_at IS NOT NULL;

-- The PDF of each invoice of ours, as it was rendered when it was issued.
CREATE TABLE issued_documents (
    invoice_id uuid CONSTRAINT pk_issued_documents PRIMARY KEY
        CONSTRAINT fk_issued_documents_invoice_id_issued_invoices REFERENCES issued_invoices (invoice_id),
    org_id uuid NOT NULL CONSTRAINT fk_issued_documents_org_id_orgs REFERENCES orgs (id),
    pdf bytea NOT NULL,
    sha256 bytea NOT NULL CONSTRAINT ck_issued_documents_sha256 CHECK (sha256 = sha256(pdf)),
    kept_at timestamptz NOT NULL
);
"""

GUARDS = """
CREATE TRIGGER invoices_stay BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (OLD.state <> 'draft' AND OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION invoice_is_final();
CREATE TRIGGER invoices_kept BEFORE DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION invoice_is_final();
CREATE TRIGGER issued_invoices_stay BEFORE UPDATE ON issued_invoices FOR EACH ROW
    WHEN (OLD.state = 'void' OR NEW.credited < OLD.credited OR
          (OLD.invoice_id, OLD.org_id, OLD.number, OLD.series, OLD.ordinal, OLD.currency, OLD.total, OLD.issued_at,
           OLD.issued_on, OLD.due_on, OLD.due_at, OLD.time_zone, OLD.seller, OLD.buyer, OLD.lines)
          IS DISTINCT FROM
          (NEW.invoice_id, NEW.org_id, NEW.number, NEW.series, NEW.ordinal, NEW.currency, NEW.total, NEW.issued_at,
           NEW.issued_on, NEW.due_on, NEW.due_at, NEW.time_zone, NEW.seller, NEW.buyer, NEW.lines))
    EXECUTE FUNCTION issued_invoice_is_final();
CREATE TRIGGER issued_invoices_kept BEFORE DELETE ON issued_invoices FOR EACH ROW
    EXECUTE FUNCTION issued_invoice_is_final();
CREATE TRIGGER issued_documents_stay BEFORE UPDATE OR DELETE ON issued_documents FOR EACH ROW
    EXECUTE FUNCTION issued_document_is_final();
CREATE TRIGGER invoice_lines_of_orgs AFTER INSERT ON invoice_lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION rows_name_orgs();
CREATE TRIGGER invoice_lines_named AFTER INSERT ON invoice_lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION invoice_lines_are_named();
CREATE TRIGGER invoice_lines_move BEFORE UPDATE OF invoice_id ON invoice_lines FOR EACH ROW
    WHEN (OLD.invoice_id IS DISTINCT FROM NEW.invoice_id) EXECUTE FUNCTION invoice_line_moves();
CREATE TRIGGER invoice_lines_stay BEFORE UPDATE ON invoice_lines FOR EACH ROW
    WHEN ((OLD.id, OLD.org_id, OLD.kind, OLD.meter_id, OLD.period_start, OLD.period_end, OLD.quantity, OLD.imported,
           OLD.events, OLD.currency, OLD.exact_amount, OLD.amount, OLD.reason, OLD.terms::text, OLD.breakdown::text,
           OLD.seen, OLD.plan_version_id, OLD.written_at)
          IS DISTINCT FROM
          (NEW.id, NEW.org_id, NEW.kind, NEW.meter_id, NEW.period_start, NEW.period_end, NEW.quantity, NEW.imported,
           NEW.events, NEW.currency, NEW.exact_amount, NEW.amount, NEW.reason, NEW.terms::text, NEW.breakdown::text,
           NEW.seen, NEW.plan_version_id, NEW.written_at))
    EXECUTE FUNCTION invoice_line_is_final();
CREATE TRIGGER invoice_lines_kept BEFORE DELETE ON invoice_lines FOR EACH ROW
    EXECUTE FUNCTION invoice_line_is_final();
CREATE TRIGGER number_series_leave_no_gap BEFORE UPDATE ON number_series FOR EACH ROW
    WHEN (NEW.series <> OLD.series OR NEW.last <> OLD.last + 1) EXECUTE FUNCTION number_series_has_no_gap();
CREATE TRIGGER number_series_kept BEFORE DELETE ON number_series FOR EACH ROW
    EXECUTE FUNCTION number_series_has_no_gap();
"""

# A payment that staff record names the invoice that it pays.
RECORDS = """
ALTER TABLE billing_records ADD CONSTRAINT fk_billing_records_offline_invoice_id_invoices
    FOREIGN KEY (offline_invoice_id) REFERENCES invoices (id);
"""


def upgrade() -> None:
    op.execute(TABLES)
    create_functions(
        op.get_bind(), "invoice_is_final", "issued_document_is_final", "issued_invoice_is_final",
        "invoice_line_is_final", "invoice_line_moves", "invoice_lines_are_named",
        "number_series_has_no_gap", "rows_name_orgs",
    )  # fmt: skip
    op.execute(RECORDS)
    op.execute(GUARDS)


def downgrade() -> None:
    drop_functions(op.get_bind(), "invoices")
    op.execute("ALTER TABLE billing_records DROP CONSTRAINT fk_billing_records_offline_invoice_id_invoices")
    op.execute(
        "DROP TABLE issued_documents, issued_invoices, invoice_terms, number_series, invoice_lines, credit_notes,"
        " invoices"
    )
