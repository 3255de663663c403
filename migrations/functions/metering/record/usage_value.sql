-- Returns the value that a `unique` meter counts, as 16 bytes; NULL if the event lacks the meter's dimension. Users are
-- hashed by opaque id, so that nothing leads back to the label.
CREATE OR REPLACE FUNCTION usage_value(
  dimension text, kind text, provider text, endpoint text, language text, format text, subject uuid, client uuid,
  job text)
RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT usage_value_hash(CASE dimension
    WHEN 'kind' THEN kind WHEN 'provider' THEN provider WHEN 'endpoint' THEN endpoint WHEN 'language' THEN language
    WHEN 'format' THEN format WHEN 'user' THEN subject::text WHEN 'client' THEN client::text WHEN 'job' THEN job
  END)
$$;
