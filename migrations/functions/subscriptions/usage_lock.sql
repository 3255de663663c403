-- Changing an org's periods or limits requires pg_advisory_xact_lock(usage_lock(org)). Every usage write takes the
-- same lock in shared mode, so no event in flight is counted under terms that are being replaced.
CREATE OR REPLACE FUNCTION usage_lock(org uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(org::text, 7205759403);
