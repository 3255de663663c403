-- The dimensions that roll-ups of an org are kept by, with the value that an event names; '' is the `whole`. Here: those
-- that are asked for with response times, and plans. Histograms are kept for those that are `measured`.
CREATE OR REPLACE FUNCTION usage_dimensions(
    whole boolean, kind text, provider text, endpoint text, "key" uuid, plan uuid, hour integer)
RETURNS TABLE (dimension text, value text, measured boolean) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT * FROM (VALUES
        ('', CASE WHEN whole THEN '' END, true), ('kind', kind, true), ('provider', provider, true),
        ('endpoint', endpoint, true), ('key', "key"::text, true), ('plan', plan::text, false),
        ('hour', lpad(hour::text, 2, '0'), true)) d (dimension, value, measured)
    WHERE d.value IS NOT NULL
$$;
