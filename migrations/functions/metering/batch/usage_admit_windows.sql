-- Numbers the windows that a batch touches, in the order of their keys, with what they have counted so far.
CREATE OR REPLACE FUNCTION usage_admit_windows(
  org uuid, now timestamptz, meter_ids integer[], aggregations text[], starts timestamptz[], zones text[],
  meter integer[], quantity numeric[], at timestamptz[])
RETURNS TABLE (
  n bigint, m integer, span text, starts_at timestamptz, ends_at timestamptz, cap numeric, used numeric)
LANGUAGE sql STABLE AS $$
  SELECT row_number() OVER (ORDER BY g.m, g.span, g.starts_at), g.m, g.span, g.starts_at, g.ends_at, g.cap,
         coalesce(w.used, 0)
  FROM (
    SELECT s.m, s.span, s.starts_at, max(s.ends_at) AS ends_at, min(s.cap) AS cap
    FROM usage_batch_spans(org, now, meter_ids, aggregations, starts, zones, meter, quantity, at) s
    GROUP BY 1, 2, 3) g
  LEFT JOIN usage_windows w ON w.org_id = org AND w.meter_id = meter_ids[g.m] AND w.span = g.span
    AND w.starts_at = g.starts_at
$$;
