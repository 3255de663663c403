-- Returns what the host product calls a value of a dimension: a user's label, a client's reference; else the value
-- itself. NULL once it is erased.
CREATE OR REPLACE FUNCTION usage_reference(org uuid, dimension text, value text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE dimension
    WHEN 'user' THEN (SELECT s.label FROM subjects s WHERE s.org_id = org AND s.id = value::uuid)
    WHEN 'client' THEN (SELECT c.ref FROM accounts_clients c WHERE c.org_id = org AND c.id = value::uuid)
    ELSE value END
$$;
