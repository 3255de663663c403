-- As usage_dimensions: those of which there are many values.
CREATE OR REPLACE FUNCTION usage_wide_dimensions(endpoint text, "user" text, client text)
RETURNS TABLE (dimension text, value text, measured boolean) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT * FROM (VALUES ('endpoint', endpoint, true), ('user', "user", false), ('client', client, false))
        d (dimension, value, measured)
    WHERE d.value IS NOT NULL
$$;
