-- Which features does a plan version have, in which order?
CREATE OR REPLACE VIEW catalog_features AS
SELECT plan_version_id, key, label, value, position FROM plan_features;
