-- The number of a day or month in the order of days or months, so that the difference of two is how far apart they are.
CREATE OR REPLACE FUNCTION usage_place(bucket text, starts_on date) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE bucket WHEN 'day' THEN starts_on - DATE '2000-01-01'
    ELSE (extract(year FROM starts_on) * 12 + extract(month FROM starts_on))::integer END;
