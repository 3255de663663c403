-- Returns the dimensions of which a meter's events name any value, in the months of `first` to `last`: of the roll-up and
-- of the events above the watermark.
CREATE OR REPLACE FUNCTION usage_named_dimensions(org uuid, meter integer, first date, last date) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    WITH mark AS MATERIALIZED (SELECT * FROM rollup_watermark(org))
    SELECT d.name
    FROM mark, unnest('{kind,provider,endpoint,user,client,key,language,format,attempt,status,hour}'::text[]) d (name)
    WHERE mark.valid AND EXISTS (
              SELECT FROM usage_months m
              WHERE m.org_id = org AND m.dimension = d.name AND m.meter_id = meter
                AND m.month BETWEEN date_trunc('month', first::timestamp)::date AND last)
       OR d.name IN (
              SELECT c.dimension FROM usage_by_dimension c, mark
              WHERE c.org_id = org AND c.meter_id = meter AND c.tx >= mark.upto AND c.seq > mark.floor_seq
                AND c.local_at >= date_trunc('month', first::timestamp) AND c.local_at < last + 1)
$$;
