-- How many days or months ago somebody was active before, as usage_active_counts keeps it: at most 31 days and 63 months,
-- which is as many as reports have; also for whoever was never active before (NULL).
CREATE OR REPLACE FUNCTION usage_active_gap(bucket text, distance integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(CASE bucket WHEN 'day' THEN 31 ELSE 63 END, distance);
