-- The newest published version of every plan that has one: the only definition of "newest".
CREATE OR REPLACE VIEW catalog_newest AS
SELECT plan.id AS plan_id, newest.id AS version_id, newest.number
FROM plans plan
JOIN LATERAL (SELECT id, number FROM plan_versions WHERE plan_id = plan.id AND published_at IS NOT NULL
              ORDER BY number DESC LIMIT 1) newest ON true;
