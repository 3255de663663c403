-- Whether the backend `holder` still holds the org's payments lock. Called at the beginning of a transaction, which then
-- keeps later holders from writing until it ends: what was retrieved under the lock is written before anything newer.
CREATE OR REPLACE FUNCTION payments_lock_is_held(org uuid, holder integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  held_key CONSTANT bigint := payments_lock_key(org);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(org::text, 20261129));
  RETURN EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = holder
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32 | objid::bigint) = held_key);
END $$;
