-- A meter's key, aggregation and dimension are fixed, since events have been counted by them.
CREATE OR REPLACE FUNCTION reject_meter_redefinition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the key, aggregation and dimension of meter % cannot change', OLD.key USING ERRCODE = '23001';
END $$;
