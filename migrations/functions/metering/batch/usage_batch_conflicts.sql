-- Lists, as refusals, the events that were not written because their id was used with different content; NULL if none.
-- VOLATILE, so that it sees rows committed since the call began. Each key is looked up for itself: joined, all keys of
-- the org would be read where the planner expects few.
CREATE OR REPLACE FUNCTION usage_batch_conflicts(org uuid, keys uuid[], contents uuid[], fresh integer[])
RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(keys) = coalesce(cardinality(fresh), 0) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT jsonb_agg(jsonb_build_object('index', x.i - 1, 'code', 'id_conflict') ORDER BY x.i)
    FROM unnest(keys, contents) WITH ORDINALITY x (key, content, i)
    WHERE x.i NOT IN (SELECT unnest(fresh))
      AND (SELECT k.content FROM usage_keys k WHERE k.org_id = org AND k.key = x.key) <> uuid_send(x.content));
END $$;
