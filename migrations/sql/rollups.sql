-- What counts: every billable event and every imported one, with what it adds, under its meter, at its time in the
-- org's zone. Folding, the tail of a page, the recount and `flask usage verify` all read this one view. The zone is the
-- one that the org's roll-ups were built in: a change of the org's zone reaches them at the next fold.
CREATE VIEW usage_counted AS
SELECT e.org_id, e.meter_id, m.aggregation, e.occurred_at, e.recorded_at, e.seq, e.tx, e.source,
       e.occurred_at AT TIME ZONE coalesce(r.time_zone, o.time_zone) AS local_at,
       CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END AS sign,
       CASE WHEN m.aggregation = 'count' THEN CASE WHEN e.reverses IS NULL THEN 1::numeric ELSE -1::numeric END
            ELSE e.quantity END AS amount,
       CASE m.dimension WHEN 'kind' THEN e.kind WHEN 'provider' THEN e.provider WHEN 'endpoint' THEN e.endpoint
            WHEN 'language' THEN e.language WHEN 'format' THEN e.format WHEN 'job' THEN e.job_id
            WHEN 'user' THEN e.subject_id::text WHEN 'client' THEN e.client_id::text
            WHEN 'key' THEN e.api_key_id::text END AS item,
       NOT e.billable AS unbilled,
       e.kind, e.provider, e.endpoint, e.subject_id::text AS "user", e.client_id::text AS client,
       e.api_key_id::text AS "key", e.plan_version_id::text AS plan
FROM usage_events e
JOIN meters m ON m.id = e.meter_id
JOIN orgs o ON o.id = e.org_id
LEFT JOIN rollup_orgs r ON r.org_id = e.org_id
WHERE e.billable OR e.source = 'import';

-- The figures of some orgs recomputed from events, per bucket: 'day', 'month' (of the org's zone) or 'range' (one row
-- for the whole span). `meters` names the meters, null for all. An event belongs when it is below the mark: in a
-- transaction before `upto`, or among the `floor` first rows. A reversing event takes its original out of a maximum
-- or of a set of unique values; both stand at the same instant, so no bucket sees one without the other.
CREATE FUNCTION usage_figures(
    bucket text, orgs uuid[], meters integer[], since timestamptz, until timestamptz, upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, day date, meter_id integer, dimension text, value text, quantity numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.org_id, n.day, n.meter_id, n.dimension, n.value,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
               WHEN 'unique' THEN count(n.item) FILTER (WHERE n.standing > 0)::numeric
               ELSE sum(n.amount) END,
           sum(n.events)::bigint
    FROM (
        SELECT c.org_id, c.meter_id, c.aggregation, d.dimension, d.value,
               CASE bucket WHEN 'range' THEN DATE '1970-01-01' WHEN 'month' THEN date_trunc('month', c.local_at)::date
                    ELSE c.local_at::date END AS day,
               CASE WHEN c.aggregation = 'unique' THEN c.item END AS item,
               CASE WHEN c.aggregation = 'max' THEN abs(c.amount) END AS peak,
               sum(c.sign) AS standing, sum(c.amount) AS amount, count(*) AS events
        FROM usage_counted c,
             LATERAL (VALUES ('', ''), ('kind', c.kind), ('provider', c.provider), ('endpoint', c.endpoint),
                             ('user', c."user"), ('client', c.client), ('key', c."key")) d (dimension, value)
        WHERE c.org_id = ANY (orgs) AND c.occurred_at >= since AND c.occurred_at < until
          AND (meters IS NULL OR c.meter_id = ANY (meters))
          AND (c.tx < upto OR c.seq <= floor) AND d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ) n
    GROUP BY n.org_id, n.day, n.meter_id, n.dimension, n.value, n.aggregation
$$;

-- The same for staff: all orgs, UTC days; a maximum is the greatest of any org. Unique values are not counted here:
-- theirs are the orgs' own days added up (usage_total_uniques).
CREATE FUNCTION usage_total_figures(meters integer[], since timestamptz, until timestamptz, upto bigint, floor bigint)
RETURNS TABLE (day date, meter_id integer, dimension text, value text, quantity numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.day, n.meter_id, n.dimension, n.value,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
               ELSE sum(n.amount) END,
           sum(n.events)::bigint
    FROM (
        SELECT c.meter_id, c.aggregation, d.dimension, d.value, (c.occurred_at AT TIME ZONE 'UTC')::date AS day,
               CASE WHEN c.aggregation = 'max' THEN c.org_id END AS org_id,
               CASE WHEN c.aggregation = 'max' THEN abs(c.amount) END AS peak,
               sum(c.sign) AS standing, sum(c.amount) AS amount, count(*) AS events
        FROM usage_counted c,
             LATERAL (VALUES ('', ''), ('plan', c.plan), ('kind', c.kind), ('provider', c.provider))
                 d (dimension, value)
        WHERE c.occurred_at >= since AND c.occurred_at < until AND (meters IS NULL OR c.meter_id = ANY (meters))
          AND c.aggregation <> 'unique' AND (c.tx < upto OR c.seq <= floor) AND d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    ) n
    GROUP BY n.day, n.meter_id, n.dimension, n.value, n.aggregation
$$;

-- Add to staff's totals (weight 1) or take from them (-1) what some orgs' days hold of unique values. Such a total is
-- the sum over orgs, each by its own zone's day, and has no row per plan.
CREATE FUNCTION usage_total_uniques(orgs uuid[], days date[], weight integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_totals AS t (day, meter_id, dimension, value, quantity, events)
    SELECT d.day, d.meter_id, d.dimension, d.value, weight * sum(d.quantity), weight * sum(d.events)
    FROM usage_days d JOIN meters m ON m.id = d.meter_id AND m.aggregation = 'unique'
    WHERE d.dimension IN ('', 'kind', 'provider') AND (orgs IS NULL OR d.org_id = ANY (orgs))
      AND (days IS NULL OR d.day = ANY (days))
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (day, dimension, meter_id, value)
    DO UPDATE SET quantity = t.quantity + excluded.quantity, events = t.events + excluded.events
$$;

-- One fold at a time, whoever calls it; repair takes the same lock.
CREATE FUNCTION usage_fold_lock() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 7205759405;

CREATE FUNCTION database_cluster() RETURNS text LANGUAGE sql STABLE
RETURN (SELECT system_identifier::text FROM pg_control_system());

-- The mark under which an org's roll-ups (null: the totals of staff) stand: the events that they hold are those with
-- tx < upto or seq <= floor_seq. While they wait to be built again, the mark is below everything, so that a page reads
-- all from events and stays right.
CREATE FUNCTION usage_mark(org uuid, OUT upto bigint, OUT floor_seq bigint, OUT folded_at timestamptz, OUT valid boolean)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN v.valid THEN s.upto ELSE 0 END, CASE WHEN v.valid THEN s.floor_seq ELSE 0 END, s.folded_at, v.valid
    FROM rollup_state s,
         LATERAL (SELECT s.cluster = database_cluster() AND CASE WHEN org IS NULL
                      THEN EXISTS (SELECT FROM rollup_state t WHERE t.name = 'totals' AND t.cluster = s.cluster)
                      ELSE NOT EXISTS (SELECT FROM rollup_orgs r WHERE r.org_id = org AND r.stale) END) v (valid)
    WHERE s.name = 'orgs'
$$;

-- Another database cluster: transaction ids start anew there and say nothing about the rows that came with the dump.
-- Those are known by seq from here on. SHARE waits for the writers in flight and holds new ones for this instant, so
-- that every row is either below the floor or written by a transaction at or above the mark. Runs with the owner's
-- rights: the worker may not lock a table that it may not change.
CREATE FUNCTION usage_fold_restart(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE last bigint;
BEGIN
    LOCK TABLE usage_events IN SHARE MODE;
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO last FROM usage_events_seq s;
    UPDATE rollup_state SET upto = pg_snapshot_xmin(pg_current_snapshot())::text::bigint, floor_seq = last,
        cluster = CASE name WHEN 'orgs' THEN database_cluster() ELSE '' END, folded_at = at;
    INSERT INTO rollup_orgs (org_id, time_zone, stale) SELECT o.id, o.time_zone, true FROM orgs o
    ON CONFLICT (org_id) DO UPDATE SET stale = true;
END $$;

-- Build some orgs' roll-ups again from the events below the mark. The caller holds the fold's lock.
CREATE FUNCTION usage_rebuild(orgs uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE state rollup_state;
BEGIN
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs';
    PERFORM usage_total_uniques(orgs, NULL, -1);
    INSERT INTO rollup_orgs (org_id, time_zone, stale) SELECT o.id, o.time_zone, false FROM orgs o WHERE o.id = ANY (orgs)
    ON CONFLICT (org_id) DO UPDATE SET time_zone = excluded.time_zone, stale = false;
    DELETE FROM rollup_anew a WHERE a.org_id = ANY (orgs);
    DELETE FROM usage_days d WHERE d.org_id = ANY (orgs);
    DELETE FROM usage_months m WHERE m.org_id = ANY (orgs);
    INSERT INTO usage_days (org_id, day, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_figures('day', orgs, NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    INSERT INTO usage_months (org_id, month, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_figures('month', orgs, NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    PERFORM usage_total_uniques(orgs, NULL, 1);
END $$;

CREATE FUNCTION usage_rebuild_totals() RETURNS void LANGUAGE plpgsql AS $$
DECLARE state rollup_state;
BEGIN
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs';
    DELETE FROM usage_totals;
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events)
    SELECT * FROM usage_total_figures(NULL, '-infinity', 'infinity', state.upto, state.floor_seq);
    PERFORM usage_total_uniques(NULL, NULL, 1);
    UPDATE rollup_state SET cluster = state.cluster, upto = state.upto, floor_seq = state.floor_seq WHERE name = 'totals';
END $$;

-- The last transaction to fold now: all that are over, or as many as hold about `max_rows` events, at least one.
CREATE FUNCTION usage_fold_end(state rollup_state, max_rows integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    upto bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    found bigint;
BEGIN
    LOOP
        SELECT count(*) INTO found FROM (
            SELECT FROM usage_events e WHERE e.tx >= state.upto AND e.tx < upto AND e.seq > state.floor_seq
            LIMIT max_rows + 1) probe;
        EXIT WHEN found <= max_rows OR upto <= state.upto + 1;
        upto := state.upto + (upto - state.upto + 1) / 2;
    END LOOP;
    RETURN upto;
END $$;

-- Fold the transactions [state.upto, upto) into days, months and totals. Sums and counts add, a maximum only grows;
-- what cannot be added (unique values, a maximum with something taken back) is computed anew for the buckets touched.
--
-- The index on tx tells the planner little of how many rows a span has, so it is told to join and group by hashing.
CREATE FUNCTION usage_fold_span(state rollup_state, upto bigint) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE
    peaks integer[] := ARRAY(SELECT m.id FROM meters m WHERE m.aggregation = 'max');
    uniques integer[] := ARRAY(SELECT m.id FROM meters m WHERE m.aggregation = 'unique');
    folded bigint;
BEGIN
    INSERT INTO rollup_orgs (org_id, time_zone, stale)
    SELECT o.id, o.time_zone, false FROM orgs o JOIN (
        SELECT DISTINCT e.org_id FROM usage_events e
        WHERE e.tx >= state.upto AND e.tx < upto AND e.seq > state.floor_seq) e ON e.org_id = o.id
    ON CONFLICT (org_id) DO NOTHING;

    WITH batch AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.local_at::date AS day, (c.occurred_at AT TIME ZONE 'UTC')::date AS utc_day,
               c.kind, c.provider, c.endpoint, c."user", c.client, c."key", c.plan,
               CASE WHEN c.aggregation = 'max' THEN greatest(max(c.amount), 0) ELSE sum(c.amount) END AS quantity,
               count(*) AS events
        FROM usage_counted c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq AND c.meter_id <> ALL (uniques)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, c.aggregation
    ), days AS MATERIALIZED (
        SELECT b.org_id, b.day, b.meter_id, d.dimension, d.value,
               CASE WHEN b.meter_id = ANY (peaks) THEN max(b.quantity) ELSE sum(b.quantity) END AS quantity,
               sum(b.events)::bigint AS events
        FROM batch b,
             LATERAL (VALUES ('', ''), ('kind', b.kind), ('provider', b.provider), ('endpoint', b.endpoint),
                             ('user', b."user"), ('client', b.client), ('key', b."key")) d (dimension, value)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ), into_days AS (
        INSERT INTO usage_days AS r (org_id, day, meter_id, dimension, value, quantity, events)
        SELECT * FROM days d ORDER BY d.org_id, d.dimension, d.day
        ON CONFLICT (org_id, dimension, day, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END
    ), into_months AS (
        INSERT INTO usage_months AS r (org_id, month, meter_id, dimension, value, quantity, events)
        SELECT d.org_id, date_trunc('month', d.day)::date, d.meter_id, d.dimension, d.value,
               CASE WHEN d.meter_id = ANY (peaks) THEN max(d.quantity) ELSE sum(d.quantity) END, sum(d.events)::bigint
        FROM days d GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 4, 2
        ON CONFLICT (org_id, dimension, month, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END
    ), into_totals AS (
        INSERT INTO usage_totals AS r (day, meter_id, dimension, value, quantity, events)
        SELECT b.utc_day, b.meter_id, d.dimension, d.value,
               CASE WHEN b.meter_id = ANY (peaks) THEN max(b.quantity) ELSE sum(b.quantity) END, sum(b.events)::bigint
        FROM batch b,
             LATERAL (VALUES ('', ''), ('plan', b.plan), ('kind', b.kind), ('provider', b.provider))
                 d (dimension, value)
        WHERE d.value IS NOT NULL
        GROUP BY 1, 2, 3, 4
        ON CONFLICT (day, dimension, meter_id, value) DO UPDATE SET events = r.events + excluded.events,
            quantity = CASE WHEN r.meter_id = ANY (peaks) THEN greatest(r.quantity, excluded.quantity)
                            ELSE r.quantity + excluded.quantity END
    )
    SELECT coalesce(sum(b.events), 0) INTO folded FROM batch b;
    RETURN folded;
END $$;

-- Note the days whose figures cannot be added to: those with unique values, and maxima with something taken back.
-- Pages read such days from events until they are computed anew.
CREATE FUNCTION usage_fold_note(state rollup_state, upto bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE folded bigint;
BEGIN
    WITH noted AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, c.local_at::date AS day, count(*) FILTER (WHERE c.aggregation = 'unique') AS events
        FROM usage_counted c
        WHERE c.tx >= state.upto AND c.tx < upto AND c.seq > state.floor_seq
          AND (c.aggregation = 'unique' OR (c.aggregation = 'max' AND c.sign < 0))
        GROUP BY 1, 2, 3
    ), written AS (
        INSERT INTO rollup_anew (org_id, meter_id, day, noted_at) SELECT n.org_id, n.meter_id, n.day, at FROM noted n
        ON CONFLICT (org_id, meter_id, day) DO NOTHING
    )
    SELECT coalesce(sum(n.events), 0) INTO folded FROM noted n;
    RETURN folded;
END $$;

-- Compute anew one meter's day and month of some orgs from the events below the mark.
CREATE FUNCTION usage_fold_anew(orgs uuid[], meter integer, touched date, upto bigint, floor bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    hours CONSTANT interval := '15 hours';  -- no zone is further from UTC
    first CONSTANT date := date_trunc('month', touched)::date;
BEGIN
    PERFORM usage_total_uniques(orgs, ARRAY[touched], -1);
    INSERT INTO usage_days (org_id, day, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM usage_figures('day', orgs, ARRAY[meter], touched - hours, touched + 1 + hours, upto, floor) f
    WHERE f.day = touched
    ON CONFLICT (org_id, dimension, day, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
    INSERT INTO usage_months (org_id, month, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM usage_figures(
        'month', orgs, ARRAY[meter], first - hours, first + interval '1 month' + hours, upto, floor) f
    WHERE f.day = first
    ON CONFLICT (org_id, dimension, month, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
    PERFORM usage_total_uniques(orgs, ARRAY[touched], 1);
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM meters m, usage_total_figures(ARRAY[meter], (touched - 1) AT TIME ZONE 'UTC',
        (touched + 2) AT TIME ZONE 'UTC', upto, floor) f WHERE m.id = meter AND m.aggregation = 'max'
    ON CONFLICT (day, dimension, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
END $$;

-- Take up to `most` days noted until `due` and compute them anew, oldest first; answers whether any remain.
CREATE FUNCTION usage_fold_noted(state rollup_state, due timestamptz, most integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE touched record;
BEGIN
    FOR touched IN
        WITH taken AS (
            DELETE FROM rollup_anew a USING (
                SELECT * FROM rollup_anew n WHERE n.noted_at <= due ORDER BY n.noted_at LIMIT most) n
            WHERE (a.org_id, a.meter_id, a.day) = (n.org_id, n.meter_id, n.day)
            RETURNING a.org_id, a.meter_id, a.day)
        SELECT t.meter_id, t.day, array_agg(t.org_id) AS orgs FROM taken t GROUP BY 1, 2
    LOOP
        PERFORM usage_fold_anew(touched.orgs, touched.meter_id, touched.day, state.upto, state.floor_seq);
    END LOOP;
    RETURN EXISTS (SELECT FROM rollup_anew n WHERE n.noted_at <= due);
END $$;

-- One bounded step forward; call it again while `more`. `at` is business time, the roll-ups' "as of"; days to compute
-- anew wait for `rest`, so that a busy one is not computed at every step.
CREATE FUNCTION usage_fold(max_rows integer, at timestamptz, rest interval, OUT folded bigint, OUT more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    state rollup_state;
    waiting uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(usage_fold_lock());
    SELECT * INTO state FROM rollup_state WHERE name = 'orgs' FOR UPDATE;
    folded := 0;
    more := true;
    IF state.cluster <> database_cluster() THEN
        PERFORM usage_fold_restart(at);
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM rollup_state t WHERE t.name = 'totals' AND t.cluster <> state.cluster) THEN
        PERFORM usage_rebuild_totals();
        RETURN;
    END IF;
    SELECT array_agg(w.org_id) INTO waiting FROM (
        SELECT r.org_id FROM rollup_orgs r JOIN orgs o ON o.id = r.org_id
        WHERE r.stale OR r.time_zone <> o.time_zone LIMIT 100) w;
    IF waiting IS NOT NULL THEN
        PERFORM usage_rebuild(waiting);
        RETURN;
    END IF;
    SELECT usage_fold_span(state, e.upto) + usage_fold_note(state, e.upto, at), e.upto INTO folded, state.upto
    FROM (SELECT usage_fold_end(state, max_rows) AS upto) e;
    UPDATE rollup_state SET upto = state.upto, floor_seq = state.floor_seq, folded_at = at;
    more := usage_fold_noted(state, at - rest, 200)
        OR state.upto < pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
END $$;
