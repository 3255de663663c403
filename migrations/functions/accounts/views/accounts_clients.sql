-- Clients of orgs.
CREATE OR REPLACE VIEW accounts_clients AS
SELECT id, org_id, ref, name, deleted_at, made_by_event FROM clients;
