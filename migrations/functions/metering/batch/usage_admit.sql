-- Decides a batch event by event, in order, under the org's exclusive lock. An event is admitted if it fits when its
-- turn comes; after one that is too large, a smaller one may still fit. Unique values are written at once, windows and
-- counters at the end; the caller writes keys and events. Remaining quantities are kept in memory, so that a counter
-- gets one new row version per batch.
--
-- Arrays by meter and period are indexed (meter - 1) * periods + period. The windows that the batch touches are numbered;
-- each event has the numbers of its day, hour and minute, or NULL.
CREATE OR REPLACE FUNCTION usage_admit(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_billable boolean, p_limited boolean,
  meter_ids integer[], aggregations text[], dimensions text[], client_ids uuid[], client_ends timestamptz[],
  starts timestamptz[], ends timestamptz[], zones text[],
  p_keys uuid[], p_contents uuid[], p_meter integer[], p_quantity numeric[], p_at timestamptz[], p_client integer[],
  p_values bytea[],
  OUT admitted boolean[], OUT duplicates integer, OUT refused jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  periods integer := coalesce(cardinality(starts), 0);
  meters integer := cardinality(meter_ids);
  resolved boolean[];
  caps numeric[];
  used numeric[];
  reserved numeric[];
  taken numeric[];
  freed numeric[];
  counts bigint[];
  win_meter integer[] := '{}';
  win_span text[];
  win_start timestamptz[];
  win_end timestamptz[];
  win_cap numeric[];
  win_used numeric[];
  win_taken numeric[];
  windowed boolean;
  won bytea[] := array_fill(NULL::bytea, ARRAY[cardinality(p_keys)]);
  codes text[] := '{}';
  places bigint[] := '{}';
  reasons jsonb[] := '{}';
  e record;
  slot integer;
  place integer;
  counted boolean;
  delta numeric;
  total numeric;
  code text;
  reason jsonb;
BEGIN
  duplicates := 0;
  admitted := array_fill(false, ARRAY[cardinality(p_keys)]);
  SELECT array_agg(l.meter_id IS NOT NULL AND (l.valid_until IS NULL OR l.valid_until > p_now) ORDER BY m, p),
         array_agg(l.cap ORDER BY m, p),
         array_agg(coalesce(c.billable, 0) ORDER BY m, p), array_agg(coalesce(c.reserved, 0) ORDER BY m, p)
  INTO resolved, caps, used, reserved
  FROM generate_series(1, meters) m CROSS JOIN generate_series(1, periods) p
  LEFT JOIN subscriptions_terms l ON l.org_id = p_org AND l.meter_id = meter_ids[m] AND l.period_start = starts[p]
  LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = meter_ids[m] AND c.period_start = starts[p];
  IF p_limited THEN
    SELECT array_agg(g.m ORDER BY g.n), array_agg(g.span ORDER BY g.n), array_agg(g.starts_at ORDER BY g.n),
           array_agg(g.ends_at ORDER BY g.n), array_agg(g.cap ORDER BY g.n), array_agg(g.used ORDER BY g.n)
    INTO win_meter, win_span, win_start, win_end, win_cap, win_used
    FROM usage_admit_windows(p_org, p_now, meter_ids, aggregations, starts, zones, p_meter, p_quantity, p_at) g;
  END IF;
  windowed := coalesce(cardinality(win_meter), 0) > 0;
  taken := array_fill(0::numeric, ARRAY[meters * periods]);
  freed := taken;
  counts := array_fill(0::bigint, ARRAY[meters * periods]);
  win_taken := array_fill(NULL::numeric, ARRAY[coalesce(cardinality(win_meter), 0)]);

  FOR e IN
    SELECT x.i, x.m, x.q, x.a, x.c, x.v, uuid_send(x.content) AS content,
           (SELECT k.content FROM usage_keys k WHERE k.org_id = p_org AND k.key = x.key) AS known,
           dense_rank() OVER (ORDER BY x.key)::integer AS nth, g.wins
    FROM unnest(p_keys, p_contents, p_meter, p_quantity, p_at, p_client, p_values)
      WITH ORDINALITY x (key, content, m, q, a, c, v, i)
    LEFT JOIN (
      SELECT s.m, s.period, s.minute, array_agg(n.n ORDER BY n.span) AS wins
      FROM usage_batch_spans(p_org, p_now, meter_ids, aggregations, starts, zones, CASE WHEN windowed THEN p_meter END,
                             p_quantity, p_at) s
      JOIN unnest(win_meter, win_span, win_start) WITH ORDINALITY n (m, span, starts_at, n)
        ON n.m = s.m AND n.span = s.span AND n.starts_at = s.starts_at
      GROUP BY 1, 2, 3) g
      ON g.m = x.m AND g.period = width_bucket(x.a, starts) AND g.minute = date_trunc('minute', x.a)
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
      WHEN e.c > 0 AND e.a >= client_ends[e.c] THEN 'client_deleted'
      WHEN e.v IS NULL AND aggregations[e.m] = 'unique' THEN 'invalid_event' END;
    IF code = 'duplicate' THEN
      duplicates := duplicates + 1;
      CONTINUE;
    ELSIF code IS NULL THEN
      slot := (e.m - 1) * periods + width_bucket(e.a, starts);
      IF p_limited AND NOT resolved[slot] THEN
        RAISE EXCEPTION 'the terms of a meter are unresolved' USING ERRCODE = 'TK004';
      END IF;
      counted := NULL;
      IF aggregations[e.m] = 'unique' THEN
        counted := usage_value_counted(p_org, meter_ids[e.m], starts[width_bucket(e.a, starts)], e.v);
      END IF;
      delta := CASE aggregations[e.m] WHEN 'count' THEN 1
        WHEN 'unique' THEN CASE WHEN counted IS NULL OR (p_billable AND NOT counted) THEN 1 ELSE 0 END
        ELSE e.q END;
      IF p_limited AND delta > 0 THEN
        total := CASE aggregations[e.m] WHEN 'max' THEN delta ELSE used[slot] + reserved[slot] + delta END;
        IF total > caps[slot] THEN
          reason := usage_facts('period', caps[slot], used[slot], reserved[slot], starts[width_bucket(e.a, starts)],
                                ends[width_bucket(e.a, starts)], delta, aggregations[e.m] = 'max');
        END IF;
        FOREACH place IN ARRAY coalesce(e.wins, '{}') LOOP
          total := CASE aggregations[e.m] WHEN 'max' THEN delta ELSE win_used[place] + delta END;
          IF reason IS NULL AND total > win_cap[place] THEN
            reason := usage_facts(win_span[place], win_cap[place], win_used[place], 0, win_start[place],
                                  usage_window_ends(win_end[place], ends[width_bucket(e.a, starts)], p_now), delta,
                                  aggregations[e.m] = 'max');
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
        ELSIF counted IS FALSE THEN  -- brought by an import before: used already, it takes room from now on
          freed[slot] := freed[slot] + delta;
          used[slot] := used[slot] + delta;
        ELSE
          taken[slot] := taken[slot] + delta;
          used[slot] := used[slot] + delta;
        END IF;
        FOREACH place IN ARRAY coalesce(e.wins, '{}') LOOP
          win_used[place] := CASE aggregations[e.m] WHEN 'max' THEN greatest(win_used[place], delta)
                             ELSE win_used[place] + delta END;
          win_taken[place] := win_used[place];
        END LOOP;
        IF aggregations[e.m] = 'unique' AND delta > 0 THEN
          INSERT INTO usage_uniques AS u (org_id, meter_id, period_start, value_hash, billable)
          VALUES (p_org, meter_ids[e.m], starts[width_bucket(e.a, starts)], e.v, p_billable)
          ON CONFLICT (org_id, meter_id, period_start, value_hash) DO UPDATE SET billable = true;
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
  PERFORM usage_consume_admitted(p_org, p_billable, meter_ids, aggregations, starts, taken, freed, counts,
                                 win_meter, win_span, win_start, win_end, win_taken);
END $$;
