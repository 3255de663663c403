-- Plans that are not archived, each with its newest published version.
CREATE OR REPLACE VIEW catalog_offers AS
SELECT plan.key, plan.name, plan.summary, plan.public, plan.is_default, plan.position, newest.version_id, newest.number,
       version.trial_days, version.trial_overage
FROM plans plan JOIN catalog_newest newest ON newest.plan_id = plan.id
JOIN plan_versions version ON version.id = newest.version_id
WHERE plan.archived_at IS NULL;
