-- The privileges of the web and worker roles. The owner runs this after every upgrade. Idempotent; does nothing without
-- the roles of roles.sql. Relations that are not listed here get the default privileges. Partitions get none: rows are
-- reached through the parent, whose privileges apply, so new partitions need no grants and cannot be used to bypass the
-- parent's.
DO $$
DECLARE
  append_only CONSTANT text[] := ARRAY['usage_keys', 'usage_events', 'audit_entries', 'sign_in_log'];
  -- personal data, removed by erasure and retention in the worker
  erasable CONSTANT text[] := ARRAY['event_details', 'audit_persons', 'sign_in_details'];
  read_only CONSTANT text[] := ARRAY['alembic_version', 'schema_functions', 'usage_counted'];
  relation record;
BEGIN
  IF to_regrole('tollkeeper_web') IS NULL OR to_regrole('tollkeeper_worker') IS NULL THEN
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA public TO tollkeeper_web, tollkeeper_worker;
  GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tollkeeper_web, tollkeeper_worker;
  GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO tollkeeper_web, tollkeeper_worker;
  FOR relation IN
    SELECT oid::regclass AS name, relname, relispartition, relkind FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM tollkeeper_web, tollkeeper_worker', relation.name);
    IF relation.relispartition THEN
      CONTINUE;
    END IF;
    EXECUTE format('GRANT SELECT ON %s TO tollkeeper_web, tollkeeper_worker', relation.name);
    IF relation.relkind = 'v' OR relation.relname = ANY (read_only) THEN
      CONTINUE;
    END IF;
    EXECUTE format('GRANT INSERT ON %s TO tollkeeper_web, tollkeeper_worker', relation.name);
    IF relation.relname = ANY (append_only) THEN
      CONTINUE;
    END IF;
    EXECUTE format('GRANT UPDATE, DELETE ON %s TO tollkeeper_worker', relation.name);
    IF relation.relname <> ALL (erasable) THEN
      EXECUTE format('GRANT UPDATE, DELETE ON %s TO tollkeeper_web', relation.name);
    END IF;
  END LOOP;
END $$;
