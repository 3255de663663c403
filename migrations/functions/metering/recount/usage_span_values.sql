-- Computes from the events which values an org's unique meters counted in [since, until).
-- Only events that transactions from `from_tx` on wrote; 0 for all.
CREATE OR REPLACE FUNCTION usage_span_values(org uuid, since timestamptz, until timestamptz, from_tx bigint)
RETURNS TABLE (meter_id integer, value_hash bytea, billable boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.meter_id, usage_value_hash(c.item), bool_or(NOT c.unbilled)
    FROM usage_counted c
    WHERE c.org_id = org AND c.occurred_at >= since AND c.occurred_at < until AND c.tx >= from_tx
      AND c.aggregation = 'unique' AND c.item IS NOT NULL
    GROUP BY c.meter_id, c.item
    HAVING sum(c.sign) > 0
$$;
