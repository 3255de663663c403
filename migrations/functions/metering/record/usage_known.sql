-- What an event answers whose id was recorded before: duplicate, or id_conflict when its content differs; NULL when
-- the id is new.
CREATE OR REPLACE FUNCTION usage_known(org uuid, wanted uuid, sent bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT CASE WHEN k.content = sent THEN 'duplicate' ELSE 'id_conflict' END
          FROM usage_keys k WHERE k.org_id = org AND k.key = wanted);
END $$;
