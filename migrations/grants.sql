-- What the web and the worker may do. The owner runs this after each upgrade; it is safe to repeat, and does nothing
-- where the roles of roles.sql are absent. Whatever a migration adds is ordinary unless it is named here.
-- Partitions get nothing: rows are reached through their parent, which is where the rights are looked up, so a
-- partition made later needs no grant and offers no way round the parent's.
DO $$
DECLARE
  append_only CONSTANT text[] := ARRAY['usage_keys', 'usage_events', 'audit_entries', 'sign_in_log'];
  -- persons' data: removed by erasure and retention, which are the worker's
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
