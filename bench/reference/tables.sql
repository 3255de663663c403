-- Three plain tables for the naive ORM view.
CREATE TABLE naive_keys (org_id uuid, key uuid, PRIMARY KEY (org_id, key));
CREATE TABLE naive_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id uuid NOT NULL, meter text NOT NULL, quantity numeric(21, 6) NOT NULL,
  key uuid NOT NULL, kind text, provider text, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX naive_events_org_at ON naive_events (org_id, at);
CREATE TABLE naive_counters (
  org_id uuid, meter text, period date, used numeric(38, 6) NOT NULL, cap numeric(38, 6), PRIMARY KEY (org_id, meter, period));
INSERT INTO naive_counters SELECT id, 'bench', date_trunc('month', now())::date, 0, 1000000000 FROM orgs;
GRANT SELECT, INSERT, UPDATE ON naive_keys, naive_events, naive_counters TO tollkeeper_owner;
-- The target of the raw COPY: a bare table with the same columns.
CREATE TABLE bare_events (LIKE usage_events INCLUDING DEFAULTS);
