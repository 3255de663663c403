-- Meters.
CREATE OR REPLACE VIEW catalog_meters AS
SELECT id, key, name, unit, aggregation, dimension, archived_at FROM meters;
