-- Adds what usage_admit has admitted to windows and counters. Arrays by meter and period are indexed as in usage_admit;
-- needs the org's exclusive lock. `freed` are values of `unique` meters that only imports had brought before.
CREATE OR REPLACE FUNCTION usage_consume_admitted(
  org uuid, p_billable boolean, meter_ids integer[], aggregations text[], starts timestamptz[], taken numeric[],
  freed numeric[], counts bigint[], win_meter integer[], win_span text[], win_start timestamptz[],
  win_end timestamptz[], win_taken numeric[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  meters CONSTANT integer := cardinality(meter_ids);
  periods CONSTANT integer := cardinality(starts);
BEGIN
  INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, ends_at, used)
  SELECT org, meter_ids[x.m], x.span, x.starts_at, x.ends_at, x.used
  FROM unnest(win_meter, win_span, win_start, win_end, win_taken) x (m, span, starts_at, ends_at, used)
  WHERE x.used IS NOT NULL
  ORDER BY meter_ids[x.m], x.span, x.starts_at
  ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE SET used = excluded.used;
  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
  SELECT org, meter_ids[m], starts[p], taken[(m - 1) * periods + p],
         CASE WHEN p_billable THEN -freed[(m - 1) * periods + p] ELSE taken[(m - 1) * periods + p] END,
         counts[(m - 1) * periods + p]
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, periods) p
  WHERE counts[(m - 1) * periods + p] > 0
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET (used, unbilled) = (
          SELECT CASE WHEN peak THEN greatest(c.used, excluded.used) ELSE c.used + excluded.used END,
                 CASE WHEN NOT peak THEN c.unbilled + excluded.unbilled
                      WHEN p_billable THEN greatest(c.used, excluded.used) - greatest(c.billable, excluded.used)
                      ELSE greatest(c.used, excluded.used) - c.billable END
          FROM (SELECT aggregations[array_position(meter_ids, excluded.meter_id)] = 'max' AS peak) a),
        events = c.events + excluded.events;
END $$;
