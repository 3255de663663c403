-- The events of users, once for each dimension that is kept by user and that they name. Amounts are of sums and counts
-- only: `amount` of what counts, `unbilled` the part of it that is not billed, `free` what does not count.
CREATE OR REPLACE VIEW usage_by_user AS
SELECT c.org_id, c."user" AS subject_id, date_trunc('month', c.local_at)::date AS month, c.meter_id, c.occurred_at,
       c.seq, c.tx, d.dimension, d.value,
       CASE WHEN c.aggregation IN ('sum', 'count') THEN CASE WHEN c.counted THEN c.amount ELSE 0 END END AS quantity,
       c.counted::integer AS events,
       c.unbilled_part AS unbilled, c.free_part AS free, c.free_sign AS free_events
FROM usage_recorded c,
     LATERAL (VALUES ('kind', c.kind), ('provider', c.provider), ('format', c.format), ('attempt', c.attempt))
         d (dimension, value)
WHERE c."user" IS NOT NULL AND d.value IS NOT NULL;
