-- One event in a bucket (from 0, at most 24) of a packed histogram. A histogram is one number, in which each bucket has
-- twelve digits: so histograms add up, voids are subtracted, and what is not there takes no room (decision 64).
CREATE OR REPLACE FUNCTION usage_packed(bucket integer) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('{1,1e12,1e24,1e36,1e48,1e60,1e72,1e84,1e96,1e108,1e120,1e132,1e144,1e156,1e168,1e180,1e192,1e204,1e216,1e228,1e240,1e252,1e264,1e276,1e288}'::numeric[])[bucket + 1];
