-- Makes the clients that recorded events name first, named by their reference and without an audit entry. Raises TK005
-- if one of them was made a moment ago: the caller decides again, and finds it.
CREATE OR REPLACE FUNCTION accounts_make_clients(org uuid, ids uuid[], refs text[], at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  made bigint;
BEGIN
  WITH written AS (
    INSERT INTO clients (id, org_id, ref, name, created_at, made_by_event)
    SELECT x.id, org, x.ref, left(x.ref, 200), at, true FROM unnest(ids, refs) x (id, ref) ORDER BY x.ref
    ON CONFLICT (org_id, ref) DO NOTHING RETURNING 1)
  SELECT count(*) INTO made FROM written;
  IF made < coalesce(cardinality(ids), 0) THEN
    RAISE EXCEPTION 'a client was made meanwhile' USING ERRCODE = 'TK005';
  END IF;
END $$;
