-- Returns the outcome for an id that is already recorded: duplicate, or id_conflict if the content differs; NULL for a
-- new id. VOLATILE, so that it sees rows committed since the call began.
CREATE OR REPLACE FUNCTION usage_previous_outcome(org uuid, wanted uuid, sent bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT CASE WHEN k.content = sent THEN 'duplicate' ELSE 'id_conflict' END
          FROM usage_keys k WHERE k.org_id = org AND k.key = wanted);
END $$;
