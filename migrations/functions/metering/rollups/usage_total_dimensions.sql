-- The dimensions that the totals for staff are kept by, as usage_dimensions.
CREATE OR REPLACE FUNCTION usage_total_dimensions(
    whole boolean, plan uuid, kind text, provider text, endpoint text, utc_hour integer)
RETURNS TABLE (dimension text, value text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT * FROM (VALUES ('', CASE WHEN whole THEN '' END), ('plan', plan::text), ('kind', kind), ('provider', provider),
                          ('endpoint', endpoint), ('hour', lpad(utc_hour::text, 2, '0'))) d (dimension, value)
    WHERE d.value IS NOT NULL
$$;
