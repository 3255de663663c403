-- All events, with what roll-ups keep of them: amount, meter, local time, dimensions, and the bucket of each histogram.
-- `counted` tells those that count, billable or imported, from what is free: retries and other work that is not billed.
-- A reversing event has the time and all facts of the one it reverses: so they stand in the same place, and one takes
-- away what the other added. The time zone is that of the org's roll-ups: a change of the org's zone takes effect at
-- the next fold. A status that no HTTP answer has is `other`, so that there are at most 501. The buckets of `response`
-- are good answers, client's errors and server's errors.
CREATE OR REPLACE VIEW usage_recorded AS
SELECT e.org_id, e.meter_id, m.aggregation, e.occurred_at, e.recorded_at, e.seq, e.tx, e.source, s.counted,
       e.occurred_at AT TIME ZONE coalesce(r.time_zone, o.time_zone) AS local_at,
       e.occurred_at AT TIME ZONE INTERVAL '0' AS utc_at, s.sign, s.amount,
       CASE m.dimension WHEN 'kind' THEN e.kind WHEN 'provider' THEN e.provider WHEN 'endpoint' THEN e.endpoint
            WHEN 'language' THEN e.language WHEN 'format' THEN e.format WHEN 'job' THEN e.job_id
            WHEN 'user' THEN e.subject_id::text WHEN 'client' THEN e.client_id::text
            WHEN 'key' THEN e.api_key_id::text END AS item,
       NOT e.billable AS unbilled,
       CASE WHEN s.counted AND NOT e.billable AND m.aggregation IN ('sum', 'count') THEN s.amount END AS unbilled_part,
       CASE WHEN NOT s.counted AND m.aggregation IN ('sum', 'count') THEN s.amount END AS free_part,
       CASE WHEN NOT s.counted THEN s.sign END AS free_sign,
       e.kind, e.provider, e.endpoint, e.subject_id AS "user", e.client_id AS client, e.api_key_id AS "key",
       e.plan_version_id AS plan, e.language, e.format,
       nullif(e.attempt, 'original') AS attempt,
       usage_hour(m.aggregation, e.occurred_at AT TIME ZONE coalesce(r.time_zone, o.time_zone)) AS hour,
       usage_hour(m.aggregation, e.occurred_at AT TIME ZONE INTERVAL '0') AS utc_hour,
       CASE WHEN e.status_code BETWEEN 100 AND 599 THEN e.status_code::text
            WHEN e.status_code IS NOT NULL THEN 'other' END AS status,
       CASE WHEN e.status_code < 400 THEN 0 WHEN e.status_code < 500 THEN 1
            WHEN e.status_code IS NOT NULL THEN 2 END AS response,
       width_bucket(e.response_ms - 1, usage_latency_bounds()) AS latency,
       width_bucket(e.file_bytes - 1, usage_size_bounds()) AS size
FROM usage_events e
JOIN catalog_meters m ON m.id = e.meter_id
JOIN accounts_orgs o ON o.id = e.org_id
LEFT JOIN rollup_orgs r ON r.org_id = e.org_id,
LATERAL (SELECT e.billable OR e.source = 'import' OR e.source = 'void' AND e.billing_reason IS NULL AS counted,
                CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END AS sign,
                CASE WHEN m.aggregation = 'count' THEN CASE WHEN e.reverses IS NULL THEN 1::numeric ELSE -1::numeric END
                     ELSE e.quantity END AS amount) s;
