-- Returns the opaque ids of user labels, in order, creating missing ones: usage_subject for many labels. Raises an error
-- rather than return fewer ids than labels, since events refer to them by position. Each label is looked up for itself,
-- as in usage_batch_conflicts.
CREATE OR REPLACE FUNCTION usage_batch_subjects(org uuid, labels text[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[];
BEGIN
  INSERT INTO subjects (org_id, id, label)
  SELECT org, gen_random_uuid(), o.label FROM unnest(labels) o (label)
  WHERE (SELECT s.id FROM subjects s WHERE s.org_id = org AND s.label = o.label) IS NULL
  ORDER BY o.label
  ON CONFLICT (org_id, label) DO NOTHING;
  SELECT array_agg((SELECT s.id FROM subjects s WHERE s.org_id = org AND s.label = o.label) ORDER BY o.n) INTO ids
  FROM unnest(labels) WITH ORDINALITY o (label, n);
  IF array_position(ids, NULL) IS NOT NULL OR cardinality(ids) <> cardinality(labels) THEN
    RAISE EXCEPTION 'a user label has no subject';  -- such as one that was erased a moment ago
  END IF;
  RETURN ids;
END $$;
