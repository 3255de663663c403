-- Features of a plan version, in display order.
CREATE OR REPLACE VIEW catalog_features AS
SELECT plan_version_id, key, label, value, position FROM plan_features;
