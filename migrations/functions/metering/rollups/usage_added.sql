-- Adds two figures of which either may be absent: what no event has takes no room.
CREATE OR REPLACE FUNCTION usage_added(kept numeric, more numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(kept + more, kept, more);
