-- The advisory lock key that serialises folds and repairs.
CREATE OR REPLACE FUNCTION rollup_lock_key() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 7205759405;
