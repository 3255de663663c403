-- Features of plan versions; `position` is their display order.
CREATE OR REPLACE VIEW catalog_features AS
SELECT plan_version_id, key, label, value, position FROM plan_features;
