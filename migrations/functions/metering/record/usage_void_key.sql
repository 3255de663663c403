-- Derives the key of an event's void from the event's: a hash of "void", a zero byte and the key. No id of an event has
-- it, since those are hashed without that.
CREATE OR REPLACE FUNCTION usage_void_key(voided uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(substr(sha256('\x766f696400'::bytea || uuid_send(voided)), 1, 16), 'hex')::uuid;
