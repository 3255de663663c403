-- Plans that are not archived, each with its newest published version.
CREATE OR REPLACE VIEW catalog_offers AS
SELECT plan.key, plan.name, plan.summary, plan.public, plan.is_default, plan.position, newest.version_id, newest.number
FROM plans plan JOIN catalog_newest newest ON newest.plan_id = plan.id
WHERE plan.archived_at IS NULL;
