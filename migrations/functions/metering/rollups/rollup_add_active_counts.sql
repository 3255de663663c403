-- Adds what some orgs (NULL: all) come to to usage_active_counts (weight 1), or subtracts it (-1), around a rebuild.
CREATE OR REPLACE FUNCTION rollup_add_active_counts(orgs uuid[], weight integer) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO usage_active_counts AS c (bucket, starts_on, is_user, gap, active)
    SELECT n.bucket, n.starts_on, n.is_user, n.gap, weight * n.active FROM rollup_active_counts(orgs) n
    ON CONFLICT (bucket, starts_on, is_user, gap) DO UPDATE SET active = c.active + excluded.active
$$;
