-- Rejects every change to a usage event (TK003).
CREATE OR REPLACE FUNCTION usage_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'usage events cannot be changed or deleted' USING ERRCODE = 'TK003';
END $$;
