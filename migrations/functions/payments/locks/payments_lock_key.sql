-- The key of an org's payments lock, an advisory lock. Differs from that of its usage lock, so the two never conflict.
CREATE OR REPLACE FUNCTION payments_lock_key(org uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(org::text, 20261121);
