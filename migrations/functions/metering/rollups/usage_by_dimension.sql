-- The events that count, once for each dimension that they name; '' is the total.
CREATE OR REPLACE VIEW usage_by_dimension AS
SELECT c.org_id, c.meter_id, c.aggregation, c.occurred_at, c.seq, c.tx, c.local_at, c.sign, c.amount, c.item,
       c.dimension, c.value
FROM usage_measured c WHERE c.counted;
