-- Returns ids for the clients that events are about to make: one in the place of each NULL in `known`, as far as the org
-- makes clients by events and has room for more. NULL everywhere else. accounts_make_clients makes them.
-- The bound is on growth, not exact: calls at the same time count the same room, and a batch keeps room for what it refuses.
CREATE OR REPLACE FUNCTION usage_new_clients(org uuid, known uuid[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  room bigint;
BEGIN
  SELECT CASE WHEN o.clients_listed_only THEN 0 ELSE 100000 - (
    SELECT count(*) FROM (
      SELECT FROM accounts_clients c WHERE c.org_id = org AND c.made_by_event LIMIT 100000) made) END
  INTO room FROM accounts_orgs o WHERE o.id = org;
  RETURN (SELECT array_agg(CASE WHEN k.id IS NULL AND k.nth <= room THEN gen_random_uuid() END ORDER BY k.n)
          FROM (SELECT u.id, u.n, count(*) FILTER (WHERE u.id IS NULL) OVER (ORDER BY u.n) AS nth
                FROM unnest(known) WITH ORDINALITY u (id, n)) k);
END $$;
