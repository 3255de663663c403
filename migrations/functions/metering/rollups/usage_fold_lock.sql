-- One fold at a time, whoever calls it; repair takes the same lock.
CREATE OR REPLACE FUNCTION usage_fold_lock() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 7205759405;
