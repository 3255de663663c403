-- Returns the 16 bytes that stand for what a `unique` meter counts. NULL for nothing.
CREATE OR REPLACE FUNCTION usage_value_hash(item text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN substr(sha256(convert_to(item, 'UTF8')), 1, 16);
