-- The other dimensions, as usage_dimensions: who used it, and labels that many events do not carry. No histograms.
CREATE OR REPLACE FUNCTION usage_label_dimensions(
    "user" uuid, client uuid, language text, format text, attempt text, status text)
RETURNS TABLE (dimension text, value text, measured boolean) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT * FROM (VALUES
        ('user', "user"::text, false), ('client', client::text, false), ('language', language, false),
        ('format', format, false), ('attempt', attempt, false), ('status', status, false)) d (dimension, value, measured)
    WHERE d.value IS NOT NULL
$$;
