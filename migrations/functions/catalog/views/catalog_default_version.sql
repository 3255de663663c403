-- The newest published version of the default plan; no row before a catalogue is applied.
CREATE OR REPLACE VIEW catalog_default_version AS
SELECT version.id, version.number, plan.key AS plan_key, plan.name AS plan_name
FROM plan_versions version JOIN plans plan ON plan.id = version.plan_id
WHERE plan.is_default AND version.published_at IS NOT NULL ORDER BY version.number DESC LIMIT 1;
