-- The events that count, once for each dimension that they name; '' is the total. Distinct values are not counted by
-- hour: each would be kept once more for every hour.
CREATE OR REPLACE VIEW usage_by_dimension AS
SELECT c.org_id, c.meter_id, c.aggregation, c.occurred_at, c.seq, c.tx, c.local_at, c.sign, c.amount, c.item,
       d.dimension, d.value
FROM usage_counted c,
     LATERAL (VALUES ('', ''), ('kind', c.kind), ('provider', c.provider), ('endpoint', c.endpoint),
                     ('user', c."user"), ('client', c.client), ('key', c."key"), ('plan', c.plan),
                     ('language', c.language), ('format', c.format), ('attempt', c.attempt), ('status', c.status),
                     ('hour', CASE WHEN c.aggregation <> 'unique' THEN to_char(c.local_at, 'HH24') END))
                 d (dimension, value)
WHERE d.value IS NOT NULL;
