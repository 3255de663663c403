-- Whether a snapshot that was taken at `seen_at` saw an event. Transaction ids start anew where a dump is restored into
-- another cluster, so an event recorded clearly after the snapshot was not seen, whatever its id.
CREATE OR REPLACE FUNCTION usage_was_seen(tx bigint, recorded_at timestamptz, seen text, seen_at timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT seen IS NOT NULL AND recorded_at <= seen_at + interval '1 hour'
        AND pg_visible_in_snapshot(tx::text::xid8, seen::pg_snapshot)
$$;
