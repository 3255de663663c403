"""The tables of accounts: orgs, users, members, invitations, sessions, tokens, the sign-in log, API keys, clients.

Notes in `org_notes` are staff's, and so are views of a customer's pages in `org_views`.

A trigger makes `sign_in_log` append-only. Personal data (IP address, browser, the email as typed) is kept separately in
`sign_in_details`; the log row keeps its salted hash, so that a person can be erased and the log still verifies.
"""

from alembic import op

from migrations.apply_functions import create_functions, drop_functions

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    "org_views",
    "org_notes",
    "clients",
    "api_keys",
    "attempts",
    "sign_in_details",
    "sign_in_log",
    "email_tokens",
    "sessions",
    "invitations",
    "memberships",
    "users",
    "orgs",
)

PEOPLE = """
CREATE TABLE orgs (
    id uuid CONSTRAINT pk_orgs PRIMARY KEY,
    name text NOT NULL CONSTRAINT ck_orgs_name CHECK (char_length(name) BETWEEN 1 AND 200),
    time_zone text NOT NULL DEFAULT 'UTC',
    currency char(3) CONSTRAINT ck_orgs_currency CHECK (currency ~ '^[A-Z]{3}$'),
    address jsonb NOT NULL DEFAULT '{}',
    tax_id text,
    legal_name text CONSTRAINT ck_orgs_legal_name CHECK (char_length(legal_name) BETWEEN 1 AND 200),
    billing_emails text[] NOT NULL DEFAULT '{}'
        CONSTRAINT ck_orgs_billing_emails CHECK (cardinality(billing_emails) <= 5),
    order_number text CONSTRAINT ck_orgs_order_number CHECK (char_length(order_number) BETWEEN 1 AND 100),
    invoice_note text CONSTRAINT ck_orgs_invoice_note CHECK (char_length(invoice_note) BETWEEN 1 AND 140),
    clients_listed_only boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    suspended_at timestamptz,
    deleted_at timestamptz
);
-- serves: staff's list of orgs by name
CREATE INDEX ix_orgs_name ON orgs (lower(name), id) WHERE deleted_at IS NULL;

CREATE TABLE users (
    id uuid CONSTRAINT pk_users PRIMARY KEY,
    email text NOT NULL CONSTRAINT uq_users_email UNIQUE
        CONSTRAINT ck_users_email CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 320),
    name text NOT NULL CONSTRAINT ck_users_name CHECK (char_length(name) BETWEEN 1 AND 200),
    password_hash text,
    email_verified_at timestamptz,
    staff boolean NOT NULL DEFAULT false,
    staff_owner boolean NOT NULL DEFAULT false CONSTRAINT ck_users_staff_owner CHECK (staff OR NOT staff_owner),
    theme text NOT NULL DEFAULT 'system' CONSTRAINT ck_users_theme CHECK (theme IN ('system', 'light', 'dark')),
    locale text NOT NULL DEFAULT 'en',
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    deleted_at timestamptz
);

CREATE TABLE memberships (
    org_id uuid NOT NULL CONSTRAINT fk_memberships_org_id_orgs REFERENCES orgs,
    user_id uuid NOT NULL CONSTRAINT fk_memberships_user_id_users REFERENCES users,
    role text NOT NULL
        CONSTRAINT ck_memberships_role CHECK (role IN ('owner', 'admin', 'billing', 'member', 'viewer')),
    external_id text CONSTRAINT ck_memberships_external_id CHECK (char_length(external_id) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL,
    chosen_at timestamptz,
    CONSTRAINT pk_memberships PRIMARY KEY (org_id, user_id),
    CONSTRAINT uq_memberships_org_id_external_id UNIQUE (org_id, external_id)
);
-- serves: the orgs of a user (org switch, sign-in)
CREATE INDEX ix_memberships_user_id ON memberships (user_id);

CREATE TABLE invitations (
    id uuid CONSTRAINT pk_invitations PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_invitations_org_id_orgs REFERENCES orgs,
    email text NOT NULL CONSTRAINT ck_invitations_email CHECK (email = lower(email)),
    role text NOT NULL
        CONSTRAINT ck_invitations_role CHECK (role IN ('owner', 'admin', 'billing', 'member', 'viewer')),
    token_hash bytea NOT NULL CONSTRAINT uq_invitations_token_hash UNIQUE,
    invited_by uuid NOT NULL CONSTRAINT fk_invitations_invited_by_users REFERENCES users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz
);
-- serves: one open invitation for an address in an org, and the list of open ones
CREATE UNIQUE INDEX ix_invitations_org_id_email ON invitations (org_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
"""

SESSIONS = """
CREATE TABLE sessions (
    id uuid CONSTRAINT pk_sessions PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT fk_sessions_user_id_users REFERENCES users,
    org_id uuid CONSTRAINT fk_sessions_org_id_orgs REFERENCES orgs,
    token_hash bytea NOT NULL CONSTRAINT uq_sessions_token_hash UNIQUE,
    address text,
    agent text,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    authenticated_at timestamptz NOT NULL
);
-- serves: the devices of a user, and ending them
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
-- serves: the sweep of sessions past their end
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);

CREATE TABLE email_tokens (
    id uuid CONSTRAINT pk_email_tokens PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT fk_email_tokens_user_id_users REFERENCES users,
    purpose text NOT NULL CONSTRAINT ck_email_tokens_purpose CHECK (purpose IN ('verify', 'reset', 'change')),
    email text NOT NULL CONSTRAINT ck_email_tokens_email CHECK (email = lower(email)),
    token_hash bytea NOT NULL CONSTRAINT uq_email_tokens_token_hash UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
-- serves: voiding a user's other tokens of one purpose
CREATE INDEX ix_email_tokens_user_id_purpose ON email_tokens (user_id, purpose);

CREATE TABLE attempts (
    bucket text CONSTRAINT pk_attempts PRIMARY KEY,
    count integer NOT NULL CONSTRAINT ck_attempts_count CHECK (count >= 0),
    ends_at timestamptz NOT NULL
);
-- serves: the sweep of windows that are over
CREATE INDEX ix_attempts_ends_at ON attempts (ends_at);

CREATE TABLE sign_in_log (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_sign_in_log PRIMARY KEY,
    at timestamptz NOT NULL,
    outcome text NOT NULL CONSTRAINT ck_sign_in_log_outcome CHECK (outcome IN (
        'signed_in', 'signed_out', 'wrong_password', 'unknown_user', 'disabled', 'throttled',
        'reset_asked', 'reset_done', 'sign_up', 'sign_up_known', 'reauthenticated', 'reauthentication_failed')),
    user_id uuid CONSTRAINT fk_sign_in_log_user_id_users REFERENCES users,
    session_id uuid,
    request_id text,
    details_hash bytea NOT NULL
);
-- serves: the sign-ins of a user, newest first
CREATE INDEX ix_sign_in_log_user_id_at ON sign_in_log (user_id, at);
-- serves: the entries of a day, for its seal
CREATE INDEX ix_sign_in_log_at ON sign_in_log (at);

CREATE TABLE sign_in_details (
    id bigint CONSTRAINT pk_sign_in_details PRIMARY KEY
        CONSTRAINT fk_sign_in_details_id_sign_in_log REFERENCES sign_in_log,
    salt bytea NOT NULL,
    details jsonb NOT NULL
);

CREATE TRIGGER sign_in_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sign_in_log
    FOR EACH STATEMENT EXECUTE FUNCTION sign_in_log_is_append_only();
"""

KEYS = """
CREATE TABLE api_keys (
    id uuid CONSTRAINT pk_api_keys PRIMARY KEY,
    org_id uuid CONSTRAINT fk_api_keys_org_id_orgs REFERENCES orgs,
    name text NOT NULL CONSTRAINT ck_api_keys_name CHECK (char_length(name) BETWEEN 1 AND 200),
    prefix text NOT NULL,
    last4 text NOT NULL,
    key_hash bytea NOT NULL CONSTRAINT uq_api_keys_key_hash UNIQUE,
    scopes text[] NOT NULL CONSTRAINT ck_api_keys_scopes CHECK (
        cardinality(scopes) > 0 AND scopes <@ CASE WHEN org_id IS NULL
            THEN ARRAY['admin:read', 'admin:write', 'usage:correct']
            ELSE ARRAY['usage:write', 'usage:read', 'jobs:write', 'billing:read', 'billing:write'] END),
    created_by uuid CONSTRAINT fk_api_keys_created_by_users REFERENCES users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    last_used_address text
);
-- serves: the keys of an org
CREATE INDEX ix_api_keys_org_id ON api_keys (org_id);

CREATE TABLE clients (
    id uuid CONSTRAINT pk_clients PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_clients_org_id_orgs REFERENCES orgs,
    ref text NOT NULL CONSTRAINT ck_clients_ref CHECK (char_length(ref) BETWEEN 1 AND 255),
    name text NOT NULL CONSTRAINT ck_clients_name CHECK (char_length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    made_by_event boolean NOT NULL DEFAULT false,
    CONSTRAINT uq_clients_org_id_ref UNIQUE (org_id, ref)
);
-- serves the bound on clients that events make
CREATE INDEX ix_clients_org_id_made_by_event ON clients (org_id) WHERE made_by_event;
"""

NOTES = """
CREATE TABLE org_notes (
    id uuid CONSTRAINT pk_org_notes PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT fk_org_notes_org_id_orgs REFERENCES orgs,
    author_id uuid NOT NULL CONSTRAINT fk_org_notes_author_id_users REFERENCES users,
    words text NOT NULL CONSTRAINT ck_org_notes_words CHECK (char_length(words) BETWEEN 1 AND 4000),
    created_at timestamptz NOT NULL
);
-- serves: the notes on an org, newest first, their bound, and its timeline
CREATE INDEX ix_org_notes_org_id_created_at_id ON org_notes (org_id, created_at, id);

CREATE TABLE org_views (
    id uuid CONSTRAINT pk_org_views PRIMARY KEY,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT fk_org_views_user_id_users REFERENCES users,
    org_id uuid NOT NULL CONSTRAINT fk_org_views_org_id_orgs REFERENCES orgs,
    opened_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CONSTRAINT ck_org_views_length CHECK (ends_at > opened_at),
    closed_at timestamptz,
    left_at timestamptz,
    CONSTRAINT ck_org_views_left_at CHECK (left_at IS NULL OR closed_at IS NOT NULL)
);
-- one view a session that it has not left; serves every request of a session, and the sweep
CREATE UNIQUE INDEX uq_org_views_open ON org_views (session_id) WHERE left_at IS NULL;
"""


def upgrade() -> None:
    create_functions(op.get_bind(), "sign_in_log_is_append_only")
    for statements in (PEOPLE, SESSIONS, KEYS, NOTES):
        op.get_bind().exec_driver_sql(statements)


def downgrade() -> None:
    drop_functions(op.get_bind(), "accounts")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
