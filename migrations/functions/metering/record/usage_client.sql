-- Finds the client that an event names by id or by the org's own reference, also a deleted one, with the time of its
-- deletion; NULLs if there is none. A reference that is the id of a client of the org means that client.
CREATE OR REPLACE FUNCTION usage_client(org uuid, named text, OUT id uuid, OUT deleted_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF named ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
    SELECT c.id, c.deleted_at INTO id, deleted_at FROM accounts_clients c WHERE c.org_id = org AND c.id = named::uuid;
  END IF;
  IF id IS NULL THEN
    SELECT c.id, c.deleted_at INTO id, deleted_at FROM accounts_clients c WHERE c.org_id = org AND c.ref = named;
  END IF;
END $$;
