-- The events that count, billable or imported, with their amount, meter, and local time. Folding, the current part of
-- pages, recounts and `flask usage verify` all read this view. The time zone is that of the org's roll-ups: a change of
-- the org's zone takes effect at the next fold. A reversing event has the time (`occurred_at`) of the one it reverses: so
-- they stand in the same period, day and month.
CREATE OR REPLACE VIEW usage_counted AS
SELECT e.org_id, e.meter_id, m.aggregation, e.occurred_at, e.recorded_at, e.seq, e.tx, e.source,
       e.occurred_at AT TIME ZONE coalesce(r.time_zone, o.time_zone) AS local_at,
       CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END AS sign,
       CASE WHEN m.aggregation = 'count' THEN CASE WHEN e.reverses IS NULL THEN 1::numeric ELSE -1::numeric END
            ELSE e.quantity END AS amount,
       CASE m.dimension WHEN 'kind' THEN e.kind WHEN 'provider' THEN e.provider WHEN 'endpoint' THEN e.endpoint
            WHEN 'language' THEN e.language WHEN 'format' THEN e.format WHEN 'job' THEN e.job_id
            WHEN 'user' THEN e.subject_id::text WHEN 'client' THEN e.client_id::text
            WHEN 'key' THEN e.api_key_id::text END AS item,
       NOT e.billable AS unbilled,
       e.kind, e.provider, e.endpoint, e.subject_id::text AS "user", e.client_id::text AS client,
       e.api_key_id::text AS "key", e.plan_version_id::text AS plan
FROM usage_events e
JOIN catalog_meters m ON m.id = e.meter_id
JOIN accounts_orgs o ON o.id = e.org_id
LEFT JOIN rollup_orgs r ON r.org_id = e.org_id
WHERE e.billable OR e.source IN ('import', 'void');
