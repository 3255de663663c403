-- A closed usage period was rated for good: it is neither moved nor deleted nor opened again.
CREATE OR REPLACE FUNCTION closed_period_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the usage period of org % from % is closed', OLD.org_id, OLD.starts_at
        USING ERRCODE = 'restrict_violation';
END $$;
