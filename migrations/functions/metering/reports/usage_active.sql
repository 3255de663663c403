-- Returns how many orgs and how many of their users have any usage by 'day' or 'month' of the org's zone, from `first` to
-- `last` (inclusive; months are whole), and in one row without `starts_on` in all of them; as of the latest fold. Of one
-- plan with `of_plan`: its orgs, and NULL for their users, who are not kept by plan.
CREATE OR REPLACE FUNCTION usage_active(bucket text, first date, last date, of_plan text)
RETURNS TABLE (starts_on date, active_orgs bigint, active_users bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    versions CONSTANT text[] := ARRAY(SELECT v.id::text FROM catalog_versions v WHERE v.plan_key = of_plan);
    of_orgs CONSTANT text := CASE WHEN of_plan IS NULL THEN '' ELSE 'plan' END;
BEGIN
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT DISTINCT d.day AS starts_on, d.org_id, '' AS subject
        FROM rollup_orgs o JOIN usage_days d ON d.org_id = o.org_id
        WHERE bucket = 'day' AND d.dimension = of_orgs AND d.day BETWEEN first AND last AND d.events > 0
          AND (of_plan IS NULL OR d.value = ANY (versions))
        UNION ALL
        SELECT DISTINCT d.day, d.org_id, d.value
        FROM rollup_orgs o JOIN usage_days d ON d.org_id = o.org_id
        WHERE bucket = 'day' AND of_plan IS NULL AND d.dimension = 'user' AND d.day BETWEEN first AND last
          AND d.events > 0
        UNION ALL
        SELECT DISTINCT m.month, m.org_id, ''
        FROM usage_months m
        WHERE bucket = 'month' AND m.dimension = of_orgs AND m.month BETWEEN date_trunc('month', first::timestamp) AND last
          AND m.events > 0 AND (of_plan IS NULL OR m.value = ANY (versions))
        UNION ALL
        SELECT DISTINCT m.month, m.org_id, m.value
        FROM usage_months m
        WHERE bucket = 'month' AND of_plan IS NULL AND m.dimension = 'user'
          AND m.month BETWEEN date_trunc('month', first::timestamp) AND last AND m.events > 0
    )
    SELECT s.starts_on, count(*) FILTER (WHERE s.subject = ''),
           CASE WHEN of_plan IS NULL THEN count(*) FILTER (WHERE s.subject <> '') END
    FROM seen s GROUP BY s.starts_on
    UNION ALL
    SELECT NULL, count(*) FILTER (WHERE s.subject = ''),
           CASE WHEN of_plan IS NULL THEN count(*) FILTER (WHERE s.subject <> '') END
    FROM (SELECT DISTINCT a.org_id, a.subject FROM seen a) s;
END $$;
