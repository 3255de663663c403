-- Finds the client that an event names by the org's own reference or by id; NULL if there is none or it was deleted.
CREATE OR REPLACE FUNCTION usage_client(org uuid, named text) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_id uuid;
BEGIN
  SELECT c.id INTO found_id FROM accounts_clients c WHERE c.org_id = org AND c.ref = named AND c.deleted_at IS NULL;
  IF found_id IS NULL AND named ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
    SELECT c.id INTO found_id FROM accounts_clients c
    WHERE c.org_id = org AND c.id = named::uuid AND c.deleted_at IS NULL;
  END IF;
  RETURN found_id;
END $$;
