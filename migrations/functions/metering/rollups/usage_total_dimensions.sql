-- The dimensions that the totals for staff are kept by, with the value that an event names; '' is the total.
CREATE OR REPLACE FUNCTION usage_total_dimensions(
    plan text, kind text, provider text, endpoint text, utc_hour integer)
RETURNS TABLE (dimension text, value text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT * FROM (VALUES ('', ''), ('plan', plan), ('kind', kind), ('provider', provider), ('endpoint', endpoint),
                          ('hour', lpad(utc_hour::text, 2, '0'))) d (dimension, value)
    WHERE d.value IS NOT NULL
$$;
