-- Returns the values that the events' meters would count, in the order of the batch: usage_value for many events.
CREATE OR REPLACE FUNCTION usage_batch_values(
  dimensions text[], subject_ids uuid[], client_ids uuid[], meter integer[], kind text[], provider text[],
  endpoint text[], language text[], format text[], "user" integer[], client integer[], job text[])
RETURNS bytea[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT array_agg(usage_value(dimensions[x.m], nullif(x.kind, ''), nullif(x.provider, ''), nullif(x.endpoint, ''),
                                 nullif(x.language, ''), nullif(x.format, ''), subject_ids[x.u], client_ids[x.c],
                                 nullif(x.job, '')) ORDER BY x.i)
    FROM unnest(meter, kind, provider, endpoint, language, format, "user", client, job)
      WITH ORDINALITY x (m, kind, provider, endpoint, language, format, u, c, job, i));
END $$;
