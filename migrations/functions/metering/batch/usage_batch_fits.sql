-- Whether a whole batch stays within every limit, counting duplicates as new events. Read-only. If it does not fit,
-- usage_admit decides exactly.
CREATE OR REPLACE FUNCTION usage_batch_fits(
  org uuid, now timestamptz, meter_ids integer[], aggregations text[], starts timestamptz[],
  meter integer[], quantity numeric[], at timestamptz[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN NOT EXISTS (
    SELECT FROM (
      SELECT meter_ids[x.m] AS meter, starts[width_bucket(x.a, starts)] AS start,
             sum(CASE aggregations[x.m] WHEN 'count' THEN 1 ELSE x.q END) AS q,
             sum(sum(CASE aggregations[x.m] WHEN 'count' THEN 1 ELSE x.q END))
               OVER (PARTITION BY meter_ids[x.m]) AS all_q
      FROM unnest(meter, quantity, at) x (m, q, a) GROUP BY 1, 2) z
    JOIN subscriptions_limits l ON l.org_id = org AND l.meter_id = z.meter AND l.period_start = z.start
    LEFT JOIN usage_counters c ON c.org_id = org AND c.meter_id = z.meter AND c.period_start = z.start
    WHERE num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0 AND usage_exceeded_window(
            org, z.meter, now, z.all_q, false, l.per_minute, l.per_hour, l.per_day) IS NOT NULL
       OR z.q + coalesce(c.used + c.reserved, 0)
          > CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END);
END $$;
