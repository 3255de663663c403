-- The three roles of an installation. Run once as a superuser; idempotent. In production, set a password for all three
-- afterwards (psql: \password tollkeeper_web). Their privileges are in grants.sql, applied after every migration.
--   tollkeeper_owner   owns the tables; runs `flask db upgrade` and operator commands
--   tollkeeper_web     serves requests; cannot change or delete usage, money or audit rows
--   tollkeeper_worker  runs tasks; like web, and can delete rows for erasure and retention
DO $$
DECLARE
  wanted text;
BEGIN
  PERFORM pg_advisory_xact_lock(7205759404);
  FOREACH wanted IN ARRAY ARRAY['tollkeeper_owner', 'tollkeeper_web', 'tollkeeper_worker'] LOOP
    IF to_regrole(wanted) IS NULL THEN
      EXECUTE format('CREATE ROLE %I LOGIN', wanted);
    END IF;
  END LOOP;
  ALTER ROLE tollkeeper_web SET statement_timeout = '5s';
  ALTER ROLE tollkeeper_worker SET statement_timeout = '60s';
  FOREACH wanted IN ARRAY ARRAY['tollkeeper_web', 'tollkeeper_worker'] LOOP
    EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', wanted, '2s');
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', wanted, '10s');
  END LOOP;
END $$;
