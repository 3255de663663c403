-- Returns the 16 bytes that stand in rollup_values for an item of a `unique` meter under a value of a dimension. The
-- value's length keeps apart what would otherwise read the same.
CREATE OR REPLACE FUNCTION rollup_value_hash(dimension text, value text, item text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN substr(sha256(convert_to(dimension || ':' || length(value) || ':' || value || item, 'UTF8')), 1, 16);
