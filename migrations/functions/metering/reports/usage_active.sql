-- Returns how many orgs and how many of their users have any usage by 'day' or 'month' of the org's zone, from `first` to
-- `last` (inclusive; months are whole; at most 31 days or 63 months), and in one row without `starts_on` in all of them;
-- as of the latest fold. Whoever was active in the range was so on one day for the first time within it: that day's row
-- of usage_active_counts with a gap that reaches back before the range. So few rows tell it, however many users there
-- are. Of one plan with `of_plan`: its orgs, from their own roll-ups, and NULL for their users, who are not kept by plan.
CREATE OR REPLACE FUNCTION usage_active(bucket text, first date, last date, of_plan text)
RETURNS TABLE (starts_on date, active_orgs bigint, active_users bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    versions CONSTANT text[] := ARRAY(SELECT v.id::text FROM catalog_versions v WHERE v.plan_key = of_plan);
    start CONSTANT date := date_trunc(bucket, first::timestamp)::date;
BEGIN
    IF of_plan IS NULL THEN
        RETURN QUERY
        WITH counts AS MATERIALIZED (
            SELECT c.starts_on, c.is_user, c.active,
                   c.gap > usage_place(c.bucket, c.starts_on) - usage_place(c.bucket, start) AS is_first
            FROM usage_active_counts c
            WHERE c.bucket = usage_active.bucket AND c.starts_on BETWEEN start AND last
        )
        SELECT c.starts_on, coalesce(sum(c.active) FILTER (WHERE NOT c.is_user), 0)::bigint,
               coalesce(sum(c.active) FILTER (WHERE c.is_user), 0)::bigint
        FROM counts c GROUP BY c.starts_on HAVING sum(c.active) > 0
        UNION ALL
        SELECT NULL, coalesce(sum(c.active) FILTER (WHERE NOT c.is_user), 0)::bigint,
               coalesce(sum(c.active) FILTER (WHERE c.is_user), 0)::bigint
        FROM counts c WHERE c.is_first;
        RETURN;
    END IF;
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT DISTINCT d.day AS starts_on, d.org_id FROM usage_days d
        WHERE bucket = 'day' AND d.dimension = 'plan' AND d.value = ANY (versions) AND d.day BETWEEN start AND last
          AND d.events > 0
        UNION ALL
        SELECT DISTINCT m.month, m.org_id FROM usage_months m
        WHERE bucket = 'month' AND m.dimension = 'plan' AND m.value = ANY (versions) AND m.month BETWEEN start AND last
          AND m.events > 0
    )
    SELECT s.starts_on, count(*), NULL::bigint FROM seen s GROUP BY s.starts_on
    UNION ALL
    SELECT NULL, count(DISTINCT s.org_id), NULL FROM seen s;
END $$;
