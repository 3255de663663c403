-- Records one event: one round trip, exact, once. Outcomes: recorded, duplicate, and the refusals id_conflict,
-- event_too_old, event_in_future, unknown_meter, unknown_client, invalid_event, quota_exceeded (with facts), and
-- no_period, after which the caller opens the period that holds p_at and repeats.
--
-- The id answers first; a refusal that can be seen beforehand writes nothing. Then the key is claimed, the event
-- written, and the counter taken last with its limit in the WHERE, so that the lock on the hot row is short. A race
-- lost there raises TK001 with the facts, and nothing of the event remains. Rows are always locked in the order
-- subjects, keys, uniques, windows, counters.
CREATE OR REPLACE FUNCTION usage_record(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_api_key uuid,
  p_id text, p_key uuid, p_content bytea, p_meter text, p_quantity numeric, p_at timestamptz,
  p_kind text, p_provider text, p_endpoint text, p_language text, p_format text, p_user text, p_client text,
  p_job text, p_status integer, p_ms integer, p_bytes bigint, p_salt bytea, p_metadata jsonb,
  OUT outcome text, OUT facts jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  it record;
  windowed boolean;
  peak boolean;
  subject uuid;
  client uuid;
  value bytea;
  delta numeric;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(usage_lock(p_org));
  SELECT k.content AS known, m.id AS meter, m.aggregation, m.dimension, p.starts_at, p.ends_at,
         coalesce(t.plan_version_id, p.plan_version_id) AS plan, l.per_minute, l.per_hour, l.per_day,
         CASE l.policy WHEN 'block' THEN coalesce(l.hard_limit, l.allowance) ELSE l.hard_limit END AS cap,
         coalesce(c.used, 0) AS used, coalesce(c.reserved, 0) AS reserved
  INTO it
  FROM (SELECT) AS call
  LEFT JOIN usage_keys k ON k.org_id = p_org AND k.key = p_key
  LEFT JOIN meters m ON m.key = p_meter AND m.archived_at IS NULL
  LEFT JOIN LATERAL (SELECT * FROM usage_periods u WHERE u.org_id = p_org AND u.starts_at <= p_at
                     ORDER BY u.starts_at DESC LIMIT 1) p ON p.ends_at > p_at
  LEFT JOIN LATERAL (SELECT s.plan_version_id FROM subscription_terms s WHERE s.org_id = p_org AND s.starts_at <= p_at
                     ORDER BY s.starts_at DESC LIMIT 1) t ON true
  LEFT JOIN limits_in_force l ON l.org_id = p_org AND l.meter_id = m.id AND l.period_start = p.starts_at
  LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = m.id AND c.period_start = p.starts_at;

  IF it.known IS NOT NULL THEN
    outcome := CASE WHEN it.known = p_content THEN 'duplicate' ELSE 'id_conflict' END;
    RETURN;
  END IF;
  IF p_client IS NOT NULL THEN
    client := usage_client(p_org, p_client);
  END IF;
  outcome := CASE
    WHEN p_at < p_oldest THEN 'event_too_old'
    WHEN p_at > p_newest THEN 'event_in_future'
    WHEN it.meter IS NULL THEN 'unknown_meter'
    WHEN p_client IS NOT NULL AND client IS NULL THEN 'unknown_client'
    WHEN it.starts_at IS NULL THEN 'no_period' END;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;

  peak := it.aggregation = 'max';
  delta := p_quantity;
  IF it.aggregation = 'count' THEN
    delta := 1;
  ELSIF it.aggregation = 'unique' THEN
    IF it.dimension = 'user' AND p_user IS NOT NULL THEN
      subject := usage_subject(p_org, p_user);
    END IF;
    value := usage_value(it.dimension, p_kind, p_provider, p_endpoint, p_language, p_format, subject, client, p_job);
    IF value IS NULL THEN
      outcome := 'invalid_event';
      facts := jsonb_build_object('dimension', it.dimension);
      RETURN;
    END IF;
    delta := 1 - (SELECT count(*) FROM usage_uniques u WHERE u.org_id = p_org AND u.meter_id = it.meter
                  AND u.period_start = it.starts_at AND u.value_hash = value);
  END IF;
  windowed := num_nonnulls(it.per_minute, it.per_hour, it.per_day) > 0;
  IF delta > 0 AND (CASE WHEN peak THEN delta ELSE it.used + it.reserved + delta END) > it.cap THEN
    facts := usage_facts('period', it.cap, it.used, it.reserved, it.ends_at);
  ELSIF windowed THEN
    facts := usage_window_over(p_org, it.meter, p_now, delta, peak, it.per_minute, it.per_hour, it.per_day);
  END IF;
  IF facts IS NOT NULL AND value IS NOT NULL AND EXISTS (
      SELECT FROM usage_uniques u
      WHERE u.org_id = p_org AND u.meter_id = it.meter AND u.period_start = it.starts_at AND u.value_hash = value) THEN
    delta := 0;  -- what filled the window meanwhile is this very value, which takes no room again
    facts := NULL;
  END IF;
  IF facts IS NOT NULL THEN  -- unless what took the room meanwhile is this very event, sent twice at once
    SELECT CASE WHEN k.content = p_content THEN 'duplicate' ELSE 'id_conflict' END INTO outcome
    FROM usage_keys k WHERE k.org_id = p_org AND k.key = p_key;
    IF outcome IS NULL THEN
      outcome := 'quota_exceeded';
    ELSE
      facts := NULL;
    END IF;
    RETURN;
  END IF;

  IF p_user IS NOT NULL AND subject IS NULL THEN
    subject := usage_subject(p_org, p_user);
  END IF;
  INSERT INTO usage_keys (org_id, key, content, occurred_at) VALUES (p_org, p_key, p_content, p_at)
  ON CONFLICT (org_id, key) DO NOTHING;
  IF NOT FOUND THEN  -- the same id won a race meanwhile
    SELECT CASE WHEN k.content = p_content THEN 'duplicate' ELSE 'id_conflict' END INTO outcome
    FROM usage_keys k WHERE k.org_id = p_org AND k.key = p_key;
    RETURN;
  END IF;
  INSERT INTO usage_events (
    org_id, meter_id, quantity, occurred_at, recorded_at, key, event_id, kind, provider, endpoint, language, format,
    subject_id, client_id, api_key_id, job_id, status_code, response_ms, file_bytes, plan_version_id, billable, source,
    details_hash)
  VALUES (
    p_org, it.meter, p_quantity, p_at, p_now, p_key, p_id, p_kind, p_provider, p_endpoint, p_language, p_format,
    subject, client, p_api_key, p_job, p_status, p_ms, p_bytes, it.plan, true, 'api',
    sha256(p_salt || convert_to(p_metadata::text, 'UTF8')));
  IF p_metadata IS NOT NULL THEN
    INSERT INTO event_details (org_id, key, occurred_at, salt, metadata)
    VALUES (p_org, p_key, p_at, p_salt, p_metadata);
  END IF;
  IF value IS NOT NULL THEN
    INSERT INTO usage_uniques (org_id, meter_id, period_start, value_hash)
    VALUES (p_org, it.meter, it.starts_at, value) ON CONFLICT DO NOTHING;
    delta := CASE WHEN FOUND THEN 1 ELSE 0 END;
  END IF;
  IF windowed THEN
    PERFORM usage_take_windows(p_org, it.meter, p_now, delta, peak, it.per_minute, it.per_hour, it.per_day);
  END IF;
  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, events)
  VALUES (p_org, it.meter, it.starts_at, delta, 1)
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET used = CASE WHEN peak THEN greatest(c.used, delta) ELSE c.used + delta END,
        unbilled = CASE WHEN peak THEN greatest(c.used, delta) - greatest(c.used - c.unbilled, delta) ELSE c.unbilled END,
        events = c.events + 1
    WHERE it.cap IS NULL OR delta = 0 OR CASE WHEN peak THEN delta ELSE c.used + c.reserved + delta END <= it.cap;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a limit is reached' USING ERRCODE = 'TK001', DETAIL = (
      SELECT usage_facts('period', it.cap, c.used, c.reserved, it.ends_at) FROM usage_counters c
      WHERE c.org_id = p_org AND c.meter_id = it.meter AND c.period_start = it.starts_at)::text;
  END IF;
  outcome := 'recorded';
END $$;
