-- What is an org called, in which zone and currency, and is it live?
CREATE OR REPLACE VIEW accounts_orgs AS
SELECT id, name, time_zone, currency, created_at, suspended_at, deleted_at FROM orgs;
