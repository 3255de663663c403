-- All events with what roll-ups keep of them, once for each dimension that they name; '' is the total. `quantity` and
-- `events` are of those that count (usage_by_dimension); a row of each histogram has one event.
CREATE OR REPLACE VIEW usage_measured AS
SELECT c.org_id, c.meter_id, c.aggregation, c.occurred_at, c.seq, c.tx, c.local_at, c.counted, c.sign, c.amount, c.item,
       d.dimension, d.value, c.unbilled_part AS unbilled, c.free_part AS free, c.free_sign AS free_events,
       CASE WHEN d.measured THEN c.sign * usage_packed(c.response) END AS responses,
       CASE WHEN d.measured THEN c.sign * usage_packed(c.latency) END AS latency,
       CASE WHEN d.measured THEN c.sign * usage_packed(c.size) END AS sizes
FROM usage_recorded c,
     LATERAL (SELECT * FROM usage_dimensions(true, c.kind, c.provider, c.endpoint, c."key", c.plan, c.hour)
              UNION ALL
              SELECT * FROM usage_label_dimensions(c."user", c.client, c.language, c.format, c.attempt, c.status)) d;
