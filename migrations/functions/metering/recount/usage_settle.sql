-- Settles an unsettled counter with what the events of its period say: the maximum, or for each value in doubt whether a
-- billable event brought it, an import alone (false), or nothing (NULL). All events of transactions before `mark` must
-- have been read. Later ones have raised the maximum themselves; for values they are looked up here. Returns false, and
-- does nothing, if a boundary has moved since `move`. The caller must hold the org's usage lock exclusively.
--
-- The planner cannot know how many values a period that was just moved has, so nested loops are disabled in favour of
-- hashing.
CREATE OR REPLACE FUNCTION usage_settle(
    org uuid, meter integer, start timestamptz, move bigint, mark bigint, peak numeric, billable_peak numeric,
    doubted bytea[], brought boolean[])
RETURNS boolean LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    until CONSTANT timestamptz := (SELECT p.ends_at FROM subscriptions_periods p
                                   WHERE p.org_id = org AND p.starts_at = start);
BEGIN
    WITH counter AS (
        SELECT FROM usage_counters c
        WHERE c.org_id = org AND c.meter_id = meter AND c.period_start = start AND c.unsettled = move
    ), later AS (
        SELECT v.value_hash, v.billable FROM usage_span_values(org, start, until, mark) v
        WHERE cardinality(doubted) > 0 AND v.meter_id = meter AND v.value_hash = ANY (doubted)
    ), verdicts AS (
        SELECT d.value_hash, coalesce(d.billable OR l.billable, d.billable, l.billable) AS billable
        FROM unnest(doubted, brought) d (value_hash, billable) LEFT JOIN later l USING (value_hash)
    ), gone AS (
        DELETE FROM usage_uniques u USING verdicts d
        WHERE u.org_id = org AND u.meter_id = meter AND u.period_start = start AND u.value_hash = d.value_hash
          AND d.billable IS NULL AND EXISTS (SELECT FROM counter)
        RETURNING u.billable
    ), imported AS (
        UPDATE usage_uniques u SET billable = false FROM verdicts d
        WHERE u.org_id = org AND u.meter_id = meter AND u.period_start = start AND u.value_hash = d.value_hash
          AND u.billable AND NOT d.billable AND EXISTS (SELECT FROM counter)
        RETURNING u.value_hash
    ), less AS (
        SELECT count(*) AS used, count(*) FILTER (WHERE g.billable) + (SELECT count(*) FROM imported) AS billable
        FROM gone g
    )
    UPDATE usage_counters c SET unsettled = NULL,
        used = greatest(c.used, peak) - l.used,
        unbilled = greatest(c.used, peak) - l.used - (greatest(c.billable, billable_peak) - l.billable)
    FROM less l
    WHERE c.org_id = org AND c.meter_id = meter AND c.period_start = start AND c.unsettled = move;
    RETURN FOUND;
END $$;
