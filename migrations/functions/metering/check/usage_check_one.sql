-- Returns what decides whether a quantity could be recorded now, and the state of its limit. Reserves nothing. Always
-- one row: `meter_id` is NULL if there is no such meter; `starts_at` is NULL if no period is open: the caller opens it
-- and repeats. The quantity is a number of new values for a `unique` meter, the value itself for a `max` meter.
CREATE OR REPLACE FUNCTION usage_check_one(p_org uuid, p_now timestamptz, p_meter text, p_quantity numeric)
RETURNS TABLE (
  meter_id integer, aggregation text, starts_at timestamptz, ends_at timestamptz, plan_version_id uuid, policy text,
  allowance numeric, cap numeric, used numeric, reserved numeric, unbilled numeric, exceeded_window jsonb)
LANGUAGE sql STABLE AS $$
  SELECT m.id, m.aggregation, p.starts_at, p.ends_at, p.plan_version_id, l.policy, l.allowance,
         CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END,
         coalesce(c.used, 0), coalesce(c.reserved, 0), coalesce(c.unbilled, 0),
         CASE WHEN num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0 THEN usage_exceeded_window(
           p_org, m.id, p_now, CASE m.aggregation WHEN 'count' THEN 1 ELSE p_quantity END, m.aggregation = 'max',
           l.per_minute, l.per_hour, l.per_day) END
  FROM (SELECT) AS call
  LEFT JOIN subscriptions_periods p ON p.org_id = p_org AND p.starts_at <= p_now AND p.ends_at > p_now
  LEFT JOIN catalog_meters m ON m.key = p_meter AND m.archived_at IS NULL
  LEFT JOIN subscriptions_limits l ON l.org_id = p_org AND l.meter_id = m.id AND l.period_start = p.starts_at
  LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = m.id AND c.period_start = p.starts_at
$$;
