-- Cuts the periods of which a boundary from `since` on has moved into parts. Each lies in one old period (`was`) and in
-- one of now (`is_in`), both named by their start. Counters say where the old periods began: one that has none had no
-- event. What did not move is left out.
--
-- The longest part up to `at` of each old period is its `rest`: what its counter holds less the other parts, so
-- that its events need not be read. A part without events is read instead, which costs nothing.
CREATE OR REPLACE FUNCTION usage_moved_parts(org uuid, since timestamptz, at timestamptz)
RETURNS TABLE (was timestamptz, is_in timestamptz, starts_at timestamptz, ends_at timestamptz, rest boolean)
LANGUAGE sql STABLE AS $$
    WITH periods AS (
        SELECT p.starts_at, p.ends_at FROM subscriptions_periods p WHERE p.org_id = org AND p.ends_at >= since
    ), counted AS (
        SELECT DISTINCT c.period_start AS starts_at FROM usage_counters c
        WHERE c.org_id = org AND c.period_start >= (SELECT min(p.starts_at) FROM periods p)
    ), cuts AS (
        SELECT p.starts_at FROM periods p UNION SELECT c.starts_at FROM counted c
        UNION SELECT max(p.ends_at) FROM periods p
    ), parts AS (
        SELECT (SELECT max(c.starts_at) FROM counted c WHERE c.starts_at <= k.starts_at) AS was,
               (SELECT p.starts_at FROM periods p WHERE p.starts_at <= k.starts_at AND p.ends_at > k.starts_at) AS is_in,
               k.starts_at, lead(k.starts_at) OVER (ORDER BY k.starts_at) AS ends_at
        FROM cuts k
    ), moved AS (
        SELECT p.*, bool_or(p.was <> p.is_in) OVER (PARTITION BY p.was)
                    OR bool_or(p.was <> p.is_in) OVER (PARTITION BY p.is_in) AS moved
        FROM parts p WHERE p.was IS NOT NULL AND p.is_in IS NOT NULL
    )
    SELECT m.was, m.is_in, m.starts_at, m.ends_at,
           row_number() OVER (PARTITION BY m.was ORDER BY EXISTS (
               SELECT FROM usage_events e
               WHERE e.org_id = org AND e.occurred_at >= m.starts_at AND e.occurred_at < m.ends_at) DESC,
               least(m.ends_at, at) - m.starts_at DESC, m.starts_at) = 1
    FROM moved m WHERE m.moved
$$;
