-- What a meter counts is part of every event it has counted.
CREATE OR REPLACE FUNCTION refuse_another_meaning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'meter % keeps its key, aggregation and dimension', OLD.key USING ERRCODE = '23001';
END $$;
