-- Notes that orgs and users were active on days of the org's zone (`subjects`; the org's own id for the org itself), in
-- usage_active_months and in usage_active_counts. Triples may repeat and may have been noted before: only what is new
-- changes anything, which is found from the days and months around it.
--
-- Planned at each call, for as many triples as there are.
CREATE OR REPLACE FUNCTION rollup_add_active(orgs uuid[], subjects uuid[], days date[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan SET enable_nestloop = on SET enable_sort = on AS $$
BEGIN
    WITH added AS MATERIALIZED (
        SELECT g.org_id, g.subject_id, g.month, g.days & ~coalesce(k.days, 0) AS days, k.days IS NULL AS is_first
        FROM (SELECT u.org_id, u.subject_id, date_trunc('month', u.day::timestamp)::date AS month,
                     bit_or(1 << (extract(day FROM u.day)::integer - 1)) AS days
              FROM unnest(orgs, subjects, days) u (org_id, subject_id, day) GROUP BY 1, 2, 3) g
        LEFT JOIN usage_active_months k USING (org_id, subject_id, month)
        WHERE g.days & ~coalesce(k.days, 0) <> 0
    ), kept AS (
        INSERT INTO usage_active_months AS k (org_id, subject_id, month, days)
        SELECT a.org_id, a.subject_id, a.month, a.days FROM added a ORDER BY 1, 2, 3
        ON CONFLICT (org_id, subject_id, month) DO UPDATE SET days = k.days | excluded.days
    ), marks AS (
        SELECT 'day' AS bucket, p.org_id, p.subject_id, p.month + i AS starts_on, p.is_new
        FROM (SELECT DISTINCT a.org_id, a.subject_id, k.month, k.days, false AS is_new
              FROM added a, LATERAL (
                  SELECT m.month, m.days FROM usage_active_months m
                  WHERE m.org_id = a.org_id AND m.subject_id = a.subject_id
                    AND m.month BETWEEN a.month - interval '2 months' AND a.month + interval '2 months') k
              UNION ALL
              SELECT a.org_id, a.subject_id, a.month, a.days, true FROM added a) p,
             generate_series(0, 30) i
        WHERE (p.days >> i) & 1 = 1
        UNION ALL
        SELECT DISTINCT 'month', a.org_id, a.subject_id, k.month, false
        FROM added a, LATERAL (
            SELECT m.month FROM usage_active_months m
            WHERE m.org_id = a.org_id AND m.subject_id = a.subject_id
              AND m.month BETWEEN a.month - interval '63 months' AND a.month + interval '63 months') k
        WHERE a.is_first
        UNION ALL
        SELECT 'month', a.org_id, a.subject_id, a.month, true FROM added a WHERE a.is_first
    ), gaps AS (
        SELECT m.bucket, m.starts_on, m.subject_id <> m.org_id AS is_user,
               usage_active_gap(m.bucket, m.place - max(m.place) OVER before) AS gap,
               CASE WHEN NOT m.is_new
                    THEN usage_active_gap(m.bucket, m.place - max(m.place) FILTER (WHERE NOT m.is_new) OVER before) END
                   AS gap_before
        FROM (SELECT m.*, usage_place(m.bucket, m.starts_on) AS place FROM marks m) m
        WINDOW before AS (PARTITION BY m.bucket, m.org_id, m.subject_id ORDER BY m.place
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    INSERT INTO usage_active_counts AS c (bucket, starts_on, is_user, gap, active)
    SELECT g.bucket, g.starts_on, g.is_user, d.gap, sum(d.active)
    FROM gaps g, LATERAL (VALUES (g.gap, 1), (g.gap_before, -1)) d (gap, active)
    WHERE d.gap IS NOT NULL AND g.gap IS DISTINCT FROM g.gap_before
    GROUP BY 1, 2, 3, 4 HAVING sum(d.active) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (bucket, starts_on, is_user, gap) DO UPDATE SET active = c.active + excluded.active;
END $$;
