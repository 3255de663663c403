-- The events that count, billable or imported, with their amount, meter, and local time. Folding, the current part of
-- pages, recounts and `flask usage verify` all read this view.
CREATE OR REPLACE VIEW usage_counted AS
SELECT e.org_id, e.meter_id, e.aggregation, e.occurred_at, e.recorded_at, e.seq, e.tx, e.source, e.local_at, e.sign,
       e.amount, e.item, e.unbilled, e.kind, e.provider, e.endpoint, e."user", e.client, e."key", e.plan, e.language,
       e.format, e.attempt, e.status, e.utc_hour
FROM usage_recorded e WHERE e.counted;
