-- What a void of an event would come to, unless it is voided already: voided, or why not (too_old, period_open).
-- `closed` says whether the event's usage period is; null where it has none.
CREATE OR REPLACE FUNCTION usage_void_outcome(
    occurred_at timestamptz, oldest timestamptz, aggregation text, closed boolean)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN occurred_at < oldest THEN 'too_old'
            WHEN aggregation IN ('max', 'unique') AND NOT coalesce(closed, false) THEN 'period_open'
            ELSE 'voided' END;
