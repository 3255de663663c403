-- API keys of orgs, without their hashes.
CREATE OR REPLACE VIEW accounts_api_keys AS
SELECT id, org_id, name, revoked_at FROM api_keys;
