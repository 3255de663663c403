-- Returns what decides whether a quantity could be recorded now, and the state of its limit. Reserves nothing. Always
-- one row: `meter_id` is NULL if there is no such meter; `resolved` is false if the meter has no valid terms: the caller
-- has them resolved and repeats.
--
-- `delta` is what the quantity would add, as recording would count it: n events of a `count` meter are n, of a `max`
-- meter the value itself. A `unique` meter is asked with its dimension's own field in p_named ({"user": "u1"}): 0 if the
-- period has counted the value, else 1; without it, with a number of new values.
CREATE OR REPLACE FUNCTION usage_check_one(
  p_org uuid, p_now timestamptz, p_meter text, p_quantity numeric, p_named jsonb)
RETURNS TABLE (
  meter_id integer, aggregation text, resolved boolean, starts_at timestamptz, ends_at timestamptz, currency text,
  charge_id uuid, policy text, allowance numeric, cap numeric, used numeric, reserved numeric, imported numeric,
  delta numeric, exceeded_window jsonb)
LANGUAGE sql STABLE AS $$
  SELECT m.id, m.aggregation, l.meter_id IS NOT NULL AND (l.valid_until IS NULL OR l.valid_until > p_now), p.starts_at,
         p.ends_at, p.currency, l.charge_id, l.policy, l.allowance, l.cap, coalesce(c.billable, 0),
         coalesce(c.reserved, 0), coalesce(c.unbilled, 0), d.delta,
         CASE WHEN num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0 THEN usage_exceeded_window(
           p_org, m.id, p.time_zone, p_now, p_now, d.delta, m.aggregation = 'max', l.per_minute, l.per_hour,
           l.per_day, p.ends_at) END
  FROM (SELECT) AS call
  LEFT JOIN subscriptions_periods p ON p.org_id = p_org AND p.starts_at <= p_now AND p.ends_at > p_now
  LEFT JOIN catalog_meters m ON m.key = p_meter AND m.archived_at IS NULL
  LEFT JOIN subscriptions_terms l ON l.org_id = p_org AND l.meter_id = m.id AND l.period_start = p.starts_at
  LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = m.id AND c.period_start = p.starts_at
  CROSS JOIN LATERAL (
    SELECT CASE WHEN p_named IS NULL OR m.aggregation <> 'unique' THEN p_quantity
                ELSE usage_check_value(p_org, m.id, p.starts_at, m.dimension, p_named) END AS delta) d
$$;
