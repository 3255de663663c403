-- Returns the opaque ids of user labels, in order, creating missing ones: usage_subject for many labels.
CREATE OR REPLACE FUNCTION usage_batch_subjects(org uuid, labels text[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO subjects (org_id, id, label, user_id)
  SELECT org, gen_random_uuid(), o.label, m.user_id
  FROM unnest(labels) o (label) LEFT JOIN accounts_memberships m ON m.org_id = org AND m.external_id = o.label
  WHERE NOT EXISTS (SELECT FROM subjects s WHERE s.org_id = org AND s.label = o.label)
  ORDER BY o.label
  ON CONFLICT (org_id, label) DO NOTHING;
  RETURN (SELECT array_agg(s.id ORDER BY o.n)
          FROM unnest(labels) WITH ORDINALITY o (label, n) JOIN subjects s ON s.org_id = org AND s.label = o.label);
END $$;
