-- Members of orgs, with role and external id.
CREATE OR REPLACE VIEW accounts_memberships AS
SELECT org_id, user_id, role, external_id, created_at FROM memberships;
