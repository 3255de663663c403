-- Plans that are not archived, each with its newest published version.
CREATE OR REPLACE VIEW catalog_offers AS
SELECT plan.key, plan.name, plan.summary, plan.public, plan.is_default, plan.position, newest.id AS version_id,
       newest.number
FROM plans plan
JOIN LATERAL (SELECT id, number FROM plan_versions WHERE plan_id = plan.id AND published_at IS NOT NULL
              ORDER BY number DESC LIMIT 1) newest ON true
WHERE plan.archived_at IS NULL;
