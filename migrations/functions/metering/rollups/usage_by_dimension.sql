-- The events that count, once for each dimension that they name; '' is the total.
CREATE OR REPLACE VIEW usage_by_dimension AS
SELECT c.org_id, c.meter_id, c.aggregation, c.occurred_at, c.seq, c.tx, c.local_at, c.sign, c.amount, c.item,
       d.dimension, d.value
FROM usage_counted c,
     LATERAL (VALUES ('', ''), ('kind', c.kind), ('provider', c.provider), ('endpoint', c.endpoint),
                     ('user', c."user"), ('client', c.client), ('key', c."key")) d (dimension, value)
WHERE d.value IS NOT NULL;
