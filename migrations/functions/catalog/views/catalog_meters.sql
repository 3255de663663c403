-- What is each meter called, and how does it count?
CREATE OR REPLACE VIEW catalog_meters AS
SELECT id, key, name, unit, aggregation, dimension, archived_at FROM meters;
