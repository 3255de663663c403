-- What does a plan version limit beside meters (requests a minute)?
CREATE OR REPLACE VIEW catalog_limits AS
SELECT plan_version_id, key, value FROM plan_limits;
