-- A series of numbers grows by one at a time and is never deleted: a number that was given stays given.
CREATE OR REPLACE FUNCTION number_series_has_no_gap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'series % goes on after %', OLD.series, OLD.last USING ERRCODE = 'restrict_violation';
END $$;
