-- Whoever changes an org's periods or limits takes pg_advisory_xact_lock(usage_lock(org)); every call that
-- writes usage takes the same lock shared, so that no event in flight counts under terms being replaced.
CREATE OR REPLACE FUNCTION usage_lock(org uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(org::text, 7205759403);
