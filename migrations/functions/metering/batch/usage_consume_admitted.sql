-- Adds what usage_admit has admitted to windows and counters. Indexes as in usage_admit; needs the org's exclusive
-- lock.
CREATE OR REPLACE FUNCTION usage_consume_admitted(
  org uuid, billable boolean, meter_ids integer[], aggregations text[], starts timestamptz[], taken numeric[],
  counts bigint[], span_names text[], span_starts timestamptz[], span_taken numeric[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  meters CONSTANT integer := cardinality(meter_ids);
  periods CONSTANT integer := cardinality(starts);
BEGIN
  INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, used)
  SELECT org, meter_ids[m], span_names[s], span_starts[s], span_taken[(m - 1) * 3 + s]
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, 3) s
  WHERE span_taken[(m - 1) * 3 + s] IS NOT NULL
  ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE SET used = excluded.used;
  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
  SELECT org, meter_ids[m], starts[p], taken[(m - 1) * periods + p],
         CASE WHEN billable THEN 0 ELSE taken[(m - 1) * periods + p] END, counts[(m - 1) * periods + p]
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, periods) p
  WHERE counts[(m - 1) * periods + p] > 0
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET (used, unbilled) = (
          SELECT CASE WHEN peak THEN greatest(c.used, excluded.used) ELSE c.used + excluded.used END,
                 CASE WHEN NOT peak THEN c.unbilled + excluded.unbilled
                      WHEN billable THEN greatest(c.used, excluded.used) - greatest(c.used - c.unbilled, excluded.used)
                      ELSE greatest(c.used, excluded.used) - (c.used - c.unbilled) END
          FROM (SELECT aggregations[array_position(meter_ids, excluded.meter_id)] = 'max' AS peak) a),
        events = c.events + excluded.events;
END $$;
