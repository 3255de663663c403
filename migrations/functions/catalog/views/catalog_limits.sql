-- Limits of a plan version that belong to no meter.
CREATE OR REPLACE VIEW catalog_limits AS
SELECT plan_version_id, key, value FROM plan_limits;
