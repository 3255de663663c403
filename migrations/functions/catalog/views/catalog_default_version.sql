-- The newest published version of the default plan; no row before a catalogue is applied.
CREATE OR REPLACE VIEW catalog_default_version AS
SELECT newest.version_id AS id, newest.number, plan.key AS plan_key, plan.name AS plan_name
FROM plans plan JOIN catalog_newest newest ON newest.plan_id = plan.id
WHERE plan.is_default;
