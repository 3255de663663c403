-- The events of users, once for each dimension that is kept by user and that they name. Amounts are of sums and counts
-- only: `amount` of what counts, `unbilled` the part of it that is not billed, `free` what does not count.
CREATE OR REPLACE VIEW usage_by_user AS
SELECT c.org_id, c."user"::uuid AS subject_id, date_trunc('month', c.local_at)::date AS month, c.meter_id, c.occurred_at,
       c.seq, c.tx, d.dimension, d.value,
       CASE WHEN c.aggregation IN ('sum', 'count') THEN CASE WHEN c.counted THEN c.amount ELSE 0 END END AS quantity,
       c.counted::integer AS events,
       CASE WHEN c.aggregation IN ('sum', 'count') AND c.counted AND c.unbilled THEN c.amount END AS unbilled,
       CASE WHEN c.aggregation IN ('sum', 'count') AND NOT c.counted THEN c.amount END AS free,
       CASE WHEN NOT c.counted THEN c.sign END AS free_events
FROM usage_recorded c,
     LATERAL (VALUES ('kind', c.kind), ('provider', c.provider), ('format', c.format), ('attempt', c.attempt))
         d (dimension, value)
WHERE c."user" IS NOT NULL AND d.value IS NOT NULL;
