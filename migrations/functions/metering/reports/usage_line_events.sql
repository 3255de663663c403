-- The events of an org and meter in [since, until) as an invoice line sees them, in the order of their time, at most
-- `most` (NULL: all) after a position. The line saw what its snapshot saw; `before` is that of the line before it, which
-- billed the rest. `standing`:
--   counted    it is in the line's quantity; `amount` is what it adds (sum, count), or is (max); `item` a unique value
--   voided     it and its void are both in the line and cancel out
--   imported   it was imported without being billed
--   unbillable it is not billed
--   later      it was recorded after the line was written, and is on a later one
--   earlier    it is on an earlier line
CREATE OR REPLACE FUNCTION usage_line_events(
    org uuid, meter integer, since timestamptz, until timestamptz, seen text, seen_at timestamptz,
    before text, before_at timestamptz, after_at timestamptz, after_key uuid, most integer)
RETURNS TABLE (key uuid, event_id text, occurred_at timestamptz, recorded_at timestamptz, source text,
               quantity numeric, amount numeric, item text, standing text)
LANGUAGE sql STABLE AS $$
    SELECT e.key, e.event_id, e.occurred_at, e.recorded_at, e.source, e.quantity,
           CASE m.aggregation WHEN 'count' THEN CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END
                WHEN 'unique' THEN 0 WHEN 'max' THEN abs(e.quantity) ELSE e.quantity END::numeric,
           CASE m.dimension WHEN 'kind' THEN e.kind WHEN 'provider' THEN e.provider WHEN 'endpoint' THEN e.endpoint
                WHEN 'language' THEN e.language WHEN 'format' THEN e.format WHEN 'job' THEN e.job_id
                WHEN 'user' THEN e.subject_id::text WHEN 'client' THEN e.client_id::text
                WHEN 'key' THEN e.api_key_id::text END,
           CASE WHEN NOT usage_was_seen(e.tx, e.recorded_at, seen, seen_at) THEN 'later'
                WHEN usage_was_seen(e.tx, e.recorded_at, before, before_at) THEN 'earlier'
                WHEN NOT e.billable THEN CASE WHEN e.source IN ('import', 'void') THEN 'imported' ELSE 'unbillable' END
                WHEN EXISTS (
                    SELECT FROM usage_events o
                    WHERE o.org_id = org AND o.occurred_at = e.occurred_at AND o.meter_id = meter
                      AND (o.reverses = e.key OR o.key = e.reverses)
                      AND usage_was_seen(o.tx, o.recorded_at, seen, seen_at)
                      AND NOT usage_was_seen(o.tx, o.recorded_at, before, before_at)) THEN 'voided'
                ELSE 'counted' END
    FROM usage_events e JOIN catalog_meters m ON m.id = e.meter_id
    WHERE e.org_id = org AND e.meter_id = meter AND e.occurred_at >= since AND e.occurred_at < until
      AND (after_at IS NULL OR e.occurred_at > after_at OR (e.occurred_at = after_at AND e.key > after_key))
    ORDER BY e.occurred_at, e.key LIMIT most
$$;
