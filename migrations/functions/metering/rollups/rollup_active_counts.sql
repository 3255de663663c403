-- Computes what usage_active_months of some orgs (NULL: of all) come to in usage_active_counts.
CREATE OR REPLACE FUNCTION rollup_active_counts(orgs uuid[])
RETURNS TABLE (bucket text, starts_on date, is_user boolean, gap integer, active bigint) LANGUAGE sql STABLE AS $$
    SELECT g.bucket, g.starts_on, g.is_user, g.gap, count(*)
    FROM (
        SELECT m.bucket, m.starts_on, m.subject_id <> m.org_id AS is_user,
               usage_active_gap(m.bucket, usage_place(m.bucket, m.starts_on)
                   - lag(usage_place(m.bucket, m.starts_on)) OVER (
                         PARTITION BY m.bucket, m.org_id, m.subject_id ORDER BY m.starts_on)) AS gap
        FROM (
            SELECT 'day' AS bucket, k.org_id, k.subject_id, k.month + i AS starts_on
            FROM usage_active_months k, generate_series(0, 30) i
            WHERE (orgs IS NULL OR k.org_id = ANY (orgs)) AND (k.days >> i) & 1 = 1
            UNION ALL
            SELECT 'month', k.org_id, k.subject_id, k.month FROM usage_active_months k
            WHERE orgs IS NULL OR k.org_id = ANY (orgs)) m
    ) g
    GROUP BY 1, 2, 3, 4
$$;
