-- Orgs: name, time zone, currency, suspension and deletion, and whether events may make clients.
CREATE OR REPLACE VIEW accounts_orgs AS
SELECT id, name, time_zone, currency, created_at, suspended_at, deleted_at, clients_listed_only FROM orgs;
