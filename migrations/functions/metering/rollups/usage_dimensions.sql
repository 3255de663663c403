-- The dimensions that roll-ups of an org are kept by, of which there are few values each with many events, with the
-- value that an event names; '' is the total. Histograms are kept for those that are `measured`.
CREATE OR REPLACE FUNCTION usage_dimensions(
    kind text, provider text, "key" text, plan text, language text, format text, attempt text, status text, hour integer)
RETURNS TABLE (dimension text, value text, measured boolean) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT * FROM (VALUES
        ('', '', true), ('kind', kind, true), ('provider', provider, true), ('key', "key", true), ('plan', plan, false),
        ('language', language, false), ('format', format, false), ('attempt', attempt, false), ('status', status, false),
        ('hour', lpad(hour::text, 2, '0'), true)) d (dimension, value, measured)
    WHERE d.value IS NOT NULL
$$;
