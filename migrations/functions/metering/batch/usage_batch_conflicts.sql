-- Lists, as refusals, the events that were not written because their id was used with different content; NULL if none.
-- VOLATILE, so that it sees rows committed since the call began.
CREATE OR REPLACE FUNCTION usage_batch_conflicts(org uuid, keys uuid[], contents uuid[], fresh integer[])
RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(keys) = coalesce(cardinality(fresh), 0) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT jsonb_agg(jsonb_build_object('index', x.i - 1, 'code', 'id_conflict') ORDER BY x.i)
    FROM unnest(keys, contents) WITH ORDINALITY x (key, content, i)
    JOIN usage_keys k ON k.org_id = org AND k.key = x.key AND k.content <> uuid_send(x.content)
    WHERE x.i NOT IN (SELECT unnest(fresh)));
END $$;
