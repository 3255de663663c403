-- Returns the name to show for a value of a dimension: a user's label, after the name of the member whose external id
-- it is now; a client's or API key's name by its id; else the value itself. NULL once the name is erased.
CREATE OR REPLACE FUNCTION usage_label(org uuid, dimension text, value text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE dimension
    WHEN 'user' THEN (
      SELECT coalesce(u.name || ' (' || s.label || ')', s.label) FROM subjects s
      LEFT JOIN accounts_memberships m ON m.org_id = org AND m.external_id = s.label
      LEFT JOIN accounts_users u ON u.id = m.user_id
      WHERE s.org_id = org AND s.id = value::uuid)
    WHEN 'client' THEN (SELECT c.name FROM accounts_clients c WHERE c.org_id = org AND c.id = value::uuid)
    WHEN 'key' THEN (SELECT k.name FROM accounts_api_keys k WHERE k.org_id = org AND k.id = value::uuid)
    WHEN 'plan' THEN (SELECT v.plan_name || ', version ' || v.number FROM catalog_versions v WHERE v.id = value::uuid)
    ELSE value END
$$;
