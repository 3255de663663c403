-- Records up to some thousand events of one org. Columns come as arrays of one length, a column that no event carries
-- as NULL (times: p_now then); meters, clients and users come once each, and the events name them by position (0: none). Texts are never
-- empty, so '' stands for NULL. `refused` is NULL or a list of {index (from 0), code, facts}.
--
-- First the set-based way: it takes only batches in which all can be recorded or is known already, of meters that are
-- summed or counted; for any other it raises TK002 with nothing written, and the caller repeats with p_exact. There the org's lock is taken whole, and usage_admit decides event by event in the order of the batch.
-- Keys and counters are locked in one order everywhere, so batches in opposite order cannot deadlock. TK004: no
-- period is open for some event within the time window; the caller opens it and repeats.
--
-- p_limited false passes all limits (imports); p_billable false counts the events as never priced.
CREATE OR REPLACE FUNCTION usage_record_batch(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_api_key uuid,
  p_source text, p_billable boolean, p_limited boolean, p_exact boolean,
  p_meters text[], p_clients text[], p_users text[],
  p_ids text[], p_keys uuid[], p_contents uuid[], p_meter integer[], p_quantity numeric[], p_at timestamptz[],
  p_kind text[], p_provider text[], p_endpoint text[], p_language text[], p_format text[], p_user integer[],
  p_client integer[], p_job text[], p_status integer[], p_ms integer[], p_bytes bigint[], p_salt uuid[],
  p_metadata jsonb[],
  OUT recorded integer, OUT duplicates integer, OUT refused jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  meter_ids integer[];
  aggregations text[];
  dimensions text[];
  client_ids uuid[];
  subject_ids uuid[];
  starts timestamptz[];
  ends timestamptz[];
  plans uuid[];
  term_starts timestamptz[];
  term_plans uuid[];
  first_at timestamptz;
  last_at timestamptz;
  vals bytea[];
  admitted boolean[];
  fresh integer[];
  sum_meter integer[];
  sum_start timestamptz[];
  sum_used numeric[];
  sum_events bigint[];
  win_meter integer[];
  win_span text[];
  win_start timestamptz[];
  win_used numeric[];
  win_cap numeric[];
  taken integer;
BEGIN
  IF p_exact THEN
    PERFORM pg_advisory_xact_lock(usage_lock(p_org));
  ELSE
    PERFORM pg_advisory_xact_lock_shared(usage_lock(p_org));
  END IF;
  IF p_at IS NULL THEN
    p_at := array_fill(p_now, ARRAY[cardinality(p_keys)]);
    first_at := p_now;
    last_at := p_now;
  ELSE
    SELECT min(a), max(a) INTO first_at, last_at FROM unnest(p_at) a;
  END IF;
  SELECT array_agg(m.id ORDER BY o.n), array_agg(m.aggregation ORDER BY o.n), array_agg(m.dimension ORDER BY o.n)
  INTO meter_ids, aggregations, dimensions
  FROM unnest(p_meters) WITH ORDINALITY o (key, n) LEFT JOIN meters m ON m.key = o.key AND m.archived_at IS NULL;
  SELECT array_agg(p.starts_at ORDER BY p.starts_at), array_agg(p.ends_at ORDER BY p.starts_at),
         array_agg(p.plan_version_id ORDER BY p.starts_at)
  INTO starts, ends, plans
  FROM usage_periods p WHERE p.org_id = p_org AND p.starts_at <= last_at AND p.ends_at > first_at;
  SELECT array_agg(s.starts_at ORDER BY s.starts_at), array_agg(s.plan_version_id ORDER BY s.starts_at)
  INTO term_starts, term_plans
  FROM subscription_terms s WHERE s.org_id = p_org AND s.starts_at <= last_at;
  IF p_clients IS NOT NULL THEN
    SELECT array_agg(usage_client(p_org, o.named) ORDER BY o.n) INTO client_ids
    FROM unnest(p_clients) WITH ORDINALITY o (named, n);
  END IF;
  IF NOT p_exact AND (
      first_at < p_oldest OR last_at > p_newest
      OR array_position(meter_ids, NULL) IS NOT NULL OR array_position(client_ids, NULL) IS NOT NULL
      OR aggregations && ARRAY['max', 'unique']) THEN
    RAISE EXCEPTION 'one by one' USING ERRCODE = 'TK002';
  END IF;
  IF (starts IS NULL OR first_at < starts[1] OR last_at >= ends[cardinality(ends)]) AND EXISTS (
      SELECT FROM unnest(p_at) a WHERE a BETWEEN p_oldest AND p_newest
      AND (starts IS NULL OR a < starts[1] OR a >= ends[cardinality(ends)])) THEN
    RAISE EXCEPTION 'no period' USING ERRCODE = 'TK004';
  END IF;
  IF p_users IS NOT NULL THEN
    INSERT INTO subjects (org_id, id, label, user_id)
    SELECT p_org, gen_random_uuid(), o.label, m.user_id
    FROM unnest(p_users) o (label) LEFT JOIN memberships m ON m.org_id = p_org AND m.external_id = o.label
    WHERE NOT EXISTS (SELECT FROM subjects s WHERE s.org_id = p_org AND s.label = o.label)
    ORDER BY o.label
    ON CONFLICT (org_id, label) DO NOTHING;
    SELECT array_agg(s.id ORDER BY o.n) INTO subject_ids
    FROM unnest(p_users) WITH ORDINALITY o (label, n) JOIN subjects s ON s.org_id = p_org AND s.label = o.label;
  END IF;

  IF p_exact THEN
    IF 'unique' = ANY (aggregations) THEN
      SELECT array_agg(usage_value(dimensions[x.m], nullif(x.kind, ''), nullif(x.provider, ''), nullif(x.endpoint, ''),
                                   nullif(x.language, ''), nullif(x.format, ''), subject_ids[x.u], client_ids[x.c],
                                   nullif(x.job, '')) ORDER BY x.i)
      INTO vals
      FROM unnest(p_meter, p_kind, p_provider, p_endpoint, p_language, p_format, p_user, p_client, p_job)
        WITH ORDINALITY x (m, kind, provider, endpoint, language, format, u, c, job, i);
    END IF;
    SELECT a.admitted, a.duplicates, a.refused INTO admitted, duplicates, refused
    FROM usage_admit(p_org, p_now, p_oldest, p_newest, p_billable, p_limited, meter_ids, aggregations, dimensions,
                     client_ids, starts, ends, p_keys, p_contents, p_meter, p_quantity, p_at, p_client, vals) a;
  ELSIF p_limited AND EXISTS (  -- before anything is written, and with duplicates counted: the loop judges exactly
      SELECT FROM (
        SELECT meter_ids[x.m] AS meter, starts[width_bucket(x.a, starts)] AS start,
               sum(CASE aggregations[x.m] WHEN 'count' THEN 1 ELSE x.q END) AS q,
               sum(sum(CASE aggregations[x.m] WHEN 'count' THEN 1 ELSE x.q END)) OVER (PARTITION BY meter_ids[x.m]) AS all_q
        FROM unnest(p_meter, p_quantity, p_at) x (m, q, a) GROUP BY 1, 2) z
      JOIN limits_in_force l ON l.org_id = p_org AND l.meter_id = z.meter AND l.period_start = z.start
      LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = z.meter AND c.period_start = z.start
      WHERE num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0 AND usage_window_over(
              p_org, z.meter, p_now, z.all_q, false, l.per_minute, l.per_hour, l.per_day) IS NOT NULL
         OR z.q + coalesce(c.used + c.reserved, 0)
            > CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END) THEN
    RAISE EXCEPTION 'one by one' USING ERRCODE = 'TK002';
  END IF;

  -- Keys go apart from the rest, and events are read by position: twenty columns are then sorted and kept nowhere.
  WITH x AS MATERIALIZED (
    SELECT DISTINCT ON (e.key) e.key, e.i::integer AS i
    FROM unnest(p_keys) WITH ORDINALITY e (key, i)
    WHERE admitted IS NULL OR admitted[e.i]
    ORDER BY e.key, e.i),
  claimed AS (
    INSERT INTO usage_keys (org_id, key, content, occurred_at)
    SELECT p_org, x.key, uuid_send(p_contents[x.i]), p_at[x.i] FROM x ORDER BY x.key
    ON CONFLICT (org_id, key) DO NOTHING RETURNING key)
  SELECT array_agg(x.i ORDER BY x.i) INTO fresh FROM x JOIN claimed USING (key);
  INSERT INTO usage_events (
    org_id, meter_id, quantity, occurred_at, recorded_at, key, event_id, kind, provider, endpoint, language, format,
    subject_id, client_id, api_key_id, job_id, status_code, response_ms, file_bytes, plan_version_id, billable,
    billing_reason, source, details_hash)
  SELECT p_org, meter_ids[p_meter[i]], p_quantity[i], p_at[i], p_now, p_keys[i], p_ids[i], nullif(p_kind[i], ''),
         nullif(p_provider[i], ''), nullif(p_endpoint[i], ''), nullif(p_language[i], ''), nullif(p_format[i], ''),
         subject_ids[p_user[i]], client_ids[p_client[i]], p_api_key, nullif(p_job[i], ''), p_status[i], p_ms[i],
         p_bytes[i], coalesce(term_plans[width_bucket(p_at[i], term_starts)], plans[width_bucket(p_at[i], starts)]),
         p_billable, CASE WHEN NOT p_billable THEN p_source END, p_source,
         sha256(uuid_send(p_salt[i]) || convert_to(p_metadata[i]::text, 'UTF8'))
  FROM unnest(fresh) i;
  IF p_metadata IS NOT NULL THEN
    INSERT INTO event_details (org_id, key, occurred_at, salt, metadata)
    SELECT p_org, p_keys[i], p_at[i], uuid_send(p_salt[i]), p_metadata[i]
    FROM unnest(fresh) i WHERE p_metadata[i] IS NOT NULL;
  END IF;
  SELECT array_agg(meter_ids[m]), array_agg(starts[period]), array_agg(q), array_agg(n)
  INTO sum_meter, sum_start, sum_used, sum_events
  FROM (SELECT p_meter[i] AS m, width_bucket(p_at[i], starts) AS period,
               sum(CASE aggregations[p_meter[i]] WHEN 'count' THEN 1 ELSE p_quantity[i] END) AS q, count(*) AS n
        FROM unnest(fresh) i GROUP BY 1, 2) sums;
  recorded := coalesce(cardinality(fresh), 0);
  IF p_exact THEN
    RETURN;
  END IF;

  IF p_limited THEN  -- windows: a meter's sum at once, under the smallest limit of the periods concerned
    SELECT array_agg(w.meter), array_agg(w.span), array_agg(w.starts_at), array_agg(w.used), array_agg(w.cap)
    INTO win_meter, win_span, win_start, win_used, win_cap
    FROM (
      SELECT z.meter, s.span, s.starts_at, sum(z.used) AS used, min(s.cap) AS cap
      FROM unnest(sum_meter, sum_start, sum_used) z (meter, start, used)
      JOIN limits_in_force l ON l.org_id = p_org AND l.meter_id = z.meter AND l.period_start = z.start
        AND num_nonnulls(l.per_minute, l.per_hour, l.per_day) > 0
      CROSS JOIN usage_spans(p_org, p_now, l.per_minute, l.per_hour, l.per_day) s
      GROUP BY z.meter, s.span, s.starts_at
      ORDER BY z.meter, s.span) w;
    INSERT INTO usage_windows AS w (org_id, meter_id, span, starts_at, used)
    SELECT p_org, x.meter, x.span, x.starts_at, x.used
    FROM unnest(win_meter, win_span, win_start, win_used) x (meter, span, starts_at, used)
    ON CONFLICT (org_id, meter_id, span, starts_at) DO UPDATE SET used = w.used + excluded.used
      WHERE w.used + excluded.used <= (
        SELECT x.cap FROM unnest(win_meter, win_span, win_cap) x (meter, span, cap)
        WHERE x.meter = w.meter_id AND x.span = w.span);
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken < cardinality(win_meter) THEN
      RAISE EXCEPTION 'one by one' USING ERRCODE = 'TK002';
    END IF;
  END IF;

  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
  SELECT p_org, z.meter, z.start, z.used, CASE WHEN p_billable THEN 0 ELSE z.used END, z.events
  FROM unnest(sum_meter, sum_start, sum_used, sum_events) z (meter, start, used, events)
  ORDER BY z.meter, z.start
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET used = c.used + excluded.used, unbilled = c.unbilled + excluded.unbilled, events = c.events + excluded.events
    WHERE NOT p_limited OR excluded.used = 0 OR NOT EXISTS (
      SELECT FROM limits_in_force l
      WHERE l.org_id = c.org_id AND l.meter_id = c.meter_id AND l.period_start = c.period_start
        AND c.used + c.reserved + excluded.used
            > CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END);
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken < cardinality(sum_meter) THEN
    RAISE EXCEPTION 'one by one' USING ERRCODE = 'TK002';
  END IF;

  duplicates := cardinality(p_keys) - recorded;
  IF duplicates > 0 THEN  -- of those not written, the ones whose id stands for other content are conflicts
    SELECT count(*), jsonb_agg(jsonb_build_object('index', x.i - 1, 'code', 'id_conflict') ORDER BY x.i)
    INTO taken, refused
    FROM unnest(p_keys, p_contents) WITH ORDINALITY x (key, content, i)
    JOIN usage_keys k ON k.org_id = p_org AND k.key = x.key AND k.content <> uuid_send(x.content)
    WHERE x.i NOT IN (SELECT unnest(fresh));
    duplicates := duplicates - taken;
  END IF;
END $$;
