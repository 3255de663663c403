-- Orgs: name, time zone, currency, suspension and deletion.
CREATE OR REPLACE VIEW accounts_orgs AS
SELECT id, name, time_zone, currency, created_at, suspended_at, deleted_at FROM orgs;
