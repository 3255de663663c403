-- Decides a batch event by event, in order, under the org's exclusive lock. An event is admitted if it fits when its
-- turn comes; after one that is too large, a smaller one may still fit. Unique values are written at once, windows and
-- counters at the end; the caller writes keys and events. Remaining quantities are kept in memory, so that a counter
-- gets one new row version per batch.
--
-- Arrays by meter and period are indexed (meter - 1) * periods + period, arrays by window (meter - 1) * 3 + span.
CREATE OR REPLACE FUNCTION usage_admit(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_billable boolean, p_limited boolean,
  meter_ids integer[], aggregations text[], dimensions text[], client_ids uuid[],
  starts timestamptz[], ends timestamptz[],
  p_keys uuid[], p_contents uuid[], p_meter integer[], p_quantity numeric[], p_at timestamptz[], p_client integer[],
  p_values bytea[],
  OUT admitted boolean[], OUT duplicates integer, OUT refused jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  periods integer := coalesce(cardinality(starts), 0);
  meters integer := cardinality(meter_ids);
  zone text := (SELECT o.time_zone FROM accounts_orgs o WHERE o.id = p_org);
  span_names text[] := ARRAY['day', 'hour', 'minute'];
  today date := (p_now AT TIME ZONE zone)::date;
  span_starts timestamptz[] := ARRAY[usage_midnight(today, zone), date_trunc('hour', p_now, zone),
                                     date_trunc('minute', p_now)];
  span_ends timestamptz[] := ARRAY[usage_midnight(today + 1, zone), span_starts[2] + interval '1 hour',
                                   span_starts[3] + interval '1 minute'];
  caps numeric[];
  used numeric[];
  reserved numeric[];
  taken numeric[];
  counts bigint[];
  span_caps numeric[];
  span_used numeric[];
  span_taken numeric[];
  won bytea[] := array_fill(NULL::bytea, ARRAY[cardinality(p_keys)]);
  codes text[] := '{}';
  places bigint[] := '{}';
  reasons jsonb[] := '{}';
  e record;
  slot integer;
  place integer;
  delta numeric;
  total numeric;
  code text;
  reason jsonb;
BEGIN
  duplicates := 0;
  admitted := array_fill(false, ARRAY[cardinality(p_keys)]);
  SELECT array_agg(CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END
                   ORDER BY m, p),
         array_agg(coalesce(c.used, 0) ORDER BY m, p), array_agg(coalesce(c.reserved, 0) ORDER BY m, p)
  INTO caps, used, reserved
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, periods) p
  LEFT JOIN subscriptions_limits l ON l.org_id = p_org AND l.meter_id = meter_ids[m] AND l.period_start = starts[p]
  LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = meter_ids[m] AND c.period_start = starts[p];
  SELECT array_agg(CASE s WHEN 1 THEN l.per_day WHEN 2 THEN l.per_hour ELSE l.per_minute END ORDER BY m, p, s)
  INTO span_caps
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, periods) p CROSS JOIN generate_series(1, 3) s
  LEFT JOIN subscriptions_limits l ON l.org_id = p_org AND l.meter_id = meter_ids[m] AND l.period_start = starts[p];
  SELECT array_agg(coalesce(w.used, 0) ORDER BY m, s) INTO span_used
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, 3) s
  LEFT JOIN usage_windows w ON w.org_id = p_org AND w.meter_id = meter_ids[m] AND w.span = span_names[s]
    AND w.starts_at = span_starts[s];
  taken := array_fill(0::numeric, ARRAY[meters * periods]);
  counts := array_fill(0::bigint, ARRAY[meters * periods]);
  span_taken := array_fill(NULL::numeric, ARRAY[meters * 3]);

  FOR e IN
    SELECT x.i, x.m, x.q, x.a, x.c, x.v, uuid_send(x.content) AS content, k.content AS known,
           dense_rank() OVER (ORDER BY x.key)::integer AS nth
    FROM unnest(p_keys, p_contents, p_meter, p_quantity, p_at, p_client, p_values)
      WITH ORDINALITY x (key, content, m, q, a, c, v, i)
    LEFT JOIN usage_keys k ON k.org_id = p_org AND k.key = x.key
    ORDER BY x.i
  LOOP
    reason := NULL;
    code := CASE
      WHEN coalesce(e.known, won[e.nth]) = e.content THEN 'duplicate'
      WHEN coalesce(e.known, won[e.nth]) IS NOT NULL THEN 'id_conflict'
      WHEN e.a < p_oldest THEN 'event_too_old'
      WHEN e.a > p_newest THEN 'event_in_future'
      WHEN meter_ids[e.m] IS NULL THEN 'unknown_meter'
      WHEN e.c > 0 AND client_ids[e.c] IS NULL THEN 'unknown_client'
      WHEN e.v IS NULL AND aggregations[e.m] = 'unique' THEN 'invalid_event' END;
    IF code = 'duplicate' THEN
      duplicates := duplicates + 1;
      CONTINUE;
    ELSIF code IS NULL THEN
      slot := (e.m - 1) * periods + width_bucket(e.a, starts);
      delta := CASE aggregations[e.m] WHEN 'count' THEN 1 WHEN 'unique' THEN (
          SELECT 1 - count(*) FROM usage_uniques u WHERE u.org_id = p_org AND u.meter_id = meter_ids[e.m]
          AND u.period_start = starts[width_bucket(e.a, starts)] AND u.value_hash = e.v)
        ELSE e.q END;
      total := CASE aggregations[e.m] WHEN 'max' THEN delta ELSE used[slot] + reserved[slot] + delta END;
      IF p_limited AND delta > 0 THEN
        IF total > caps[slot] THEN
          reason := usage_facts('period', caps[slot], used[slot], reserved[slot], ends[width_bucket(e.a, starts)]);
        END IF;
        FOR s IN 1..3 LOOP
          place := (e.m - 1) * 3 + s;
          total := CASE aggregations[e.m] WHEN 'max' THEN delta ELSE span_used[place] + delta END;
          IF reason IS NULL AND total > span_caps[(slot - 1) * 3 + s] THEN
            reason := usage_facts(span_names[s], span_caps[(slot - 1) * 3 + s], span_used[place], 0, span_ends[s]);
          END IF;
        END LOOP;
      END IF;
      IF reason IS NULL THEN
        admitted[e.i] := true;
        won[e.nth] := e.content;
        counts[slot] := counts[slot] + 1;
        IF aggregations[e.m] = 'max' THEN
          taken[slot] := greatest(taken[slot], delta);
          used[slot] := greatest(used[slot], delta);
        ELSE
          taken[slot] := taken[slot] + delta;
          used[slot] := used[slot] + delta;
        END IF;
        FOR s IN 1..3 LOOP
          IF p_limited AND span_caps[(slot - 1) * 3 + s] IS NOT NULL THEN
            place := (e.m - 1) * 3 + s;
            span_used[place] := CASE aggregations[e.m] WHEN 'max' THEN greatest(span_used[place], delta)
                                ELSE span_used[place] + delta END;
            span_taken[place] := span_used[place];
          END IF;
        END LOOP;
        IF aggregations[e.m] = 'unique' AND delta > 0 THEN
          INSERT INTO usage_uniques (org_id, meter_id, period_start, value_hash)
          VALUES (p_org, meter_ids[e.m], starts[width_bucket(e.a, starts)], e.v);
        END IF;
        CONTINUE;
      END IF;
      code := 'quota_exceeded';
    ELSIF code = 'invalid_event' THEN
      reason := jsonb_build_object('dimension', dimensions[e.m]);
    END IF;
    codes := array_append(codes, code);
    places := array_append(places, e.i - 1);
    reasons := array_append(reasons, reason);
  END LOOP;

  SELECT jsonb_agg(jsonb_build_object('index', r.i, 'code', r.c, 'facts', r.f)) INTO refused
  FROM unnest(places, codes, reasons) r (i, c, f);
  PERFORM usage_consume_admitted(p_org, p_billable, meter_ids, aggregations, starts, taken, counts,
                                 span_names, span_starts, span_taken);
END $$;
