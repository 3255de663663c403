-- What roll-ups keep of each event besides quantity and number, once for each dimension that it names: parts that are
-- not billed, of sums and counts only, and a row of each histogram. Histograms are kept for the dimensions of which
-- there are few values each with many events, and for API keys.
CREATE OR REPLACE VIEW usage_measured AS
SELECT c.org_id, c.meter_id, c.occurred_at, c.seq, c.tx, c.local_at, d.dimension, d.value,
       CASE WHEN c.counted AND c.unbilled AND c.aggregation IN ('sum', 'count') THEN c.amount END AS unbilled,
       CASE WHEN NOT c.counted AND c.aggregation IN ('sum', 'count') THEN c.amount END AS free,
       CASE WHEN NOT c.counted THEN c.sign END AS free_events,
       CASE WHEN d.measured THEN c.sign * usage_packed(c.response) END AS responses,
       CASE WHEN d.measured THEN c.sign * usage_packed(c.latency) END AS latency,
       CASE WHEN d.measured THEN c.sign * usage_packed(c.size) END AS sizes
FROM usage_recorded c,
     LATERAL (VALUES ('', '', true), ('kind', c.kind, true), ('provider', c.provider, true),
                     ('endpoint', c.endpoint, true), ('user', c."user", false), ('client', c.client, false),
                     ('key', c."key", true), ('plan', c.plan, false), ('language', c.language, false),
                     ('format', c.format, false), ('attempt', c.attempt, false), ('status', c.status, false),
                     ('hour', CASE WHEN c.aggregation <> 'unique' THEN to_char(c.local_at, 'HH24') END, true))
         d (dimension, value, measured)
WHERE d.value IS NOT NULL;
