-- Computes some orgs' rows of usage_active_months from the events below the watermark.
CREATE OR REPLACE FUNCTION usage_active_figures(orgs uuid[], upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, subject_id uuid, month date, days integer) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.org_id, s.subject_id, date_trunc('month', c.local_at)::date,
           bit_or(1 << (extract(day FROM c.local_at)::integer - 1))
    FROM usage_counted c, LATERAL (VALUES (c.org_id), (c."user")) s (subject_id)
    WHERE c.org_id = ANY (orgs) AND s.subject_id IS NOT NULL AND (c.tx < upto OR c.seq <= floor)
    GROUP BY 1, 2, 3
$$;
