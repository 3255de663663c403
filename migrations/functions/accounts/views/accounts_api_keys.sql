-- Which API keys has an org, by name and never by secret?
CREATE OR REPLACE VIEW accounts_api_keys AS
SELECT id, org_id, name, revoked_at FROM api_keys;
