-- The upper bounds, in bytes, of the buckets that file sizes are counted in; one more bucket takes what is above the
-- last. They hold the file sizes at which plans usually end. Changing them means rebuilding the roll-ups.
CREATE OR REPLACE FUNCTION usage_size_bounds() RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{1000,10000,100000,1000000,2000000,5000000,10000000,25000000,50000000,100000000,200000000,500000000,1000000000,5000000000}'::bigint[];
