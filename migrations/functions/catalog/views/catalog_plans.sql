-- Which plans are there, and which is the default?
CREATE OR REPLACE VIEW catalog_plans AS
SELECT id, key, name, is_default, archived_at FROM plans;
