-- Plan versions with their plan's key and name.
CREATE OR REPLACE VIEW catalog_versions AS
SELECT version.id, version.plan_id, version.number, version.published_at, version.trial_days, version.trial_overage,
       plan.key AS plan_key, plan.name AS plan_name, plan.is_default
FROM plan_versions version JOIN plans plan ON plan.id = version.plan_id;
