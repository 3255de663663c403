-- The upper bounds, in milliseconds, of the buckets that response times are counted in; one more bucket takes what is
-- above the last. Changing them means rebuilding the roll-ups.
CREATE OR REPLACE FUNCTION usage_latency_bounds() RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{1,2,3,5,8,12,20,30,50,80,120,200,300,500,800,1200,2000,3000,5000,8000,12000,20000,30000,60000}'::integer[];
