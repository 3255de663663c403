-- Plans.
CREATE OR REPLACE VIEW catalog_plans AS
SELECT id, key, name, is_default, archived_at, summary, public, position FROM plans;
