-- Returns how many orgs and how many of their users have any usage by 'day' or 'month' of the org's zone, from `first` to
-- `last` (inclusive; months are whole; at most 63), and in one row without `starts_on` in all of them; as of the latest
-- fold. Of one plan with `of_plan`: its orgs, and NULL for their users, who are not kept by plan. `bits` has a bit for
-- each day or month in which an org or user was seen: so each is kept once, however many days and meters there are.
CREATE OR REPLACE FUNCTION usage_active(bucket text, first date, last date, of_plan text)
RETURNS TABLE (starts_on date, active_orgs bigint, active_users bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    versions CONSTANT text[] := ARRAY(SELECT v.id::text FROM catalog_versions v WHERE v.plan_key = of_plan);
    start CONSTANT date := date_trunc(bucket, first::timestamp)::date;
    months CONSTANT integer := extract(year FROM start) * 12 + extract(month FROM start);
    most CONSTANT integer := CASE bucket WHEN 'day' THEN last - start
        ELSE extract(year FROM last) * 12 + extract(month FROM last) - months END;
BEGIN
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT d.org_id, d.dimension, d.value, bit_or(1::bigint << (d.day - start)) AS bits FROM usage_days d
        WHERE bucket = 'day' AND of_plan IS NULL AND d.dimension IN ('', 'user') AND d.day BETWEEN start AND last
          AND d.events > 0
        GROUP BY 1, 2, 3
        UNION ALL
        SELECT d.org_id, '', '', bit_or(1::bigint << (d.day - start)) FROM usage_days d
        WHERE bucket = 'day' AND d.dimension = 'plan' AND d.value = ANY (versions) AND d.day BETWEEN start AND last
          AND d.events > 0
        GROUP BY 1
        UNION ALL
        SELECT m.org_id, m.dimension, m.value,
               bit_or(1::bigint << ((extract(year FROM m.month) * 12 + extract(month FROM m.month))::integer - months))
        FROM usage_months m
        WHERE bucket = 'month' AND of_plan IS NULL AND m.dimension IN ('', 'user') AND m.month BETWEEN start AND last
          AND m.events > 0
        GROUP BY 1, 2, 3
        UNION ALL
        SELECT m.org_id, '', '',
               bit_or(1::bigint << ((extract(year FROM m.month) * 12 + extract(month FROM m.month))::integer - months))
        FROM usage_months m
        WHERE bucket = 'month' AND m.dimension = 'plan' AND m.value = ANY (versions) AND m.month BETWEEN start AND last
          AND m.events > 0
        GROUP BY 1
    ), placed AS (
        SELECT place, s.dimension FROM seen s, generate_series(0, most) place WHERE (s.bits >> place) & 1 = 1
        UNION ALL
        SELECT NULL, s.dimension FROM seen s
    )
    SELECT (start + p.place * ('1 ' || bucket)::interval)::date, count(*) FILTER (WHERE p.dimension = ''),
           CASE WHEN of_plan IS NULL THEN count(*) FILTER (WHERE p.dimension = 'user') END
    FROM placed p GROUP BY p.place
    UNION ALL
    SELECT NULL, 0, CASE WHEN of_plan IS NULL THEN 0 END WHERE NOT EXISTS (SELECT FROM seen);
END $$;
