-- Returns the opaque id of a host's user label. Creates it if missing.
CREATE OR REPLACE FUNCTION usage_subject(org uuid, wanted text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  found_id uuid;
BEGIN
  SELECT s.id INTO found_id FROM subjects s WHERE s.org_id = org AND s.label = wanted;
  IF found_id IS NULL THEN
    INSERT INTO subjects (org_id, id, label) VALUES (org, gen_random_uuid(), wanted)
    ON CONFLICT (org_id, label) DO NOTHING;
    SELECT s.id INTO found_id FROM subjects s WHERE s.org_id = org AND s.label = wanted;
  END IF;
  RETURN found_id;
END $$;
