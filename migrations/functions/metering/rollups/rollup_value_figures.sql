-- Computes some orgs' rows of rollup_values from the events below the watermark.
CREATE OR REPLACE FUNCTION rollup_value_figures(orgs uuid[], upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, meter_id integer, value_hash bytea, day date, standing bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.org_id, e.meter_id, rollup_value_hash(e.dimension, e.value, e.item), e.local_at::date, sum(e.sign)
    FROM usage_by_dimension e
    WHERE e.org_id = ANY (orgs) AND e.aggregation = 'unique' AND e.item IS NOT NULL
      AND (e.tx < upto OR e.seq <= floor)
    GROUP BY e.org_id, e.meter_id, e.dimension, e.value, e.item, e.local_at::date
$$;
