-- Creates the monthly partitions of usage_events and event_details from `back` months before `at` to `ahead` months
-- after it, and returns how many were new. Idempotent.
--
-- A partition is created separately and then attached. That takes SHARE UPDATE EXCLUSIVE on the parent, which does not
-- block writers, and a short lock on the empty DEFAULT partition; it gives up after waiting for a second, and the next
-- run tries again. A month that already has rows in DEFAULT stays there. Runs with the owner's rights, so that the
-- worker's role needs none on the schema.
CREATE OR REPLACE FUNCTION usage_partitions(at timestamptz, back integer, ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
SET timezone = 'UTC'
AS $$
DECLARE
  made integer := 0;
  parent text;
  name text;
  month timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('usage_partitions', 0));
  FOR month IN SELECT generate_series(date_trunc('month', at) - make_interval(months => back),
                                      date_trunc('month', at) + make_interval(months => ahead), interval '1 month') LOOP
    FOREACH parent IN ARRAY ARRAY['usage_events', 'event_details'] LOOP
      name := parent || '_' || to_char(month, 'YYYYMM');
      CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
      EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT bounds CHECK (occurred_at >= %L AND occurred_at < %L)',
                     name, month, month + interval '1 month');
      BEGIN
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       parent, name, month, month + interval '1 month');
      EXCEPTION WHEN check_violation THEN
        RAISE WARNING 'the rows of % stay in the default partition', name;
        EXECUTE format('DROP TABLE public.%I', name);
        CONTINUE;
      END;
      EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT bounds', name);
      IF parent = 'usage_events' THEN
        EXECUTE format('CREATE TRIGGER usage_events_not_truncated BEFORE TRUNCATE ON public.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION public.usage_immutable()', name);
      END IF;
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
