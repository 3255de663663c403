-- What an event with these fields would add to a `unique` meter: 0 if the period has counted its value, else 1. A user
-- or client that was never seen is a new value.
CREATE OR REPLACE FUNCTION usage_check_value(
  p_org uuid, p_meter integer, p_start timestamptz, p_dimension text, p_named jsonb)
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  subject uuid := (SELECT s.id FROM subjects s WHERE s.org_id = p_org AND s.label = p_named ->> 'user');
  client uuid := (SELECT c.id FROM usage_client(p_org, p_named ->> 'client') c WHERE c.deleted_at IS NULL);
  value bytea := usage_value(p_dimension, p_named ->> 'kind', p_named ->> 'provider', p_named ->> 'endpoint',
                             p_named ->> 'language', p_named ->> 'format', subject, client, p_named ->> 'job');
BEGIN
  RETURN CASE WHEN usage_value_counted(p_org, p_meter, p_start, value) THEN 0 ELSE 1 END;
END $$;
