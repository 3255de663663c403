-- Writes an event admitted by usage_decide: claims the key, makes the client if it is new, inserts the event, and updates the counter last, with its
-- limit in the WHERE clause, to hold the hot row's lock only briefly. Returns recorded, or usage_previous_outcome if
-- the same id was recorded concurrently. Raises TK001 with the facts if the limit was reached concurrently.
CREATE OR REPLACE FUNCTION usage_write(
  p_org uuid, p_now timestamptz, p_api_key uuid, p_event usage_event_input, p_decision usage_decision)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  delta numeric := p_decision.delta;
  freed numeric := 0;  -- a value that only imports had brought: it was used already, and takes room from now on
  fresh boolean;
  is_max boolean := p_decision.is_max;
  subject uuid := p_decision.subject_id;
BEGIN
  IF p_event."user" IS NOT NULL AND subject IS NULL THEN
    subject := usage_subject(p_org, p_event."user");
  END IF;
  INSERT INTO usage_keys (org_id, key, content, occurred_at)
  VALUES (p_org, p_event.key, p_event.content, p_event.at)
  ON CONFLICT (org_id, key) DO NOTHING;
  IF NOT FOUND THEN
    RETURN usage_previous_outcome(p_org, p_event.key, p_event.content);
  END IF;
  IF p_decision.makes_client THEN
    PERFORM accounts_make_clients(p_org, ARRAY[p_decision.client_id], ARRAY[p_event.client], p_now);
  END IF;
  INSERT INTO usage_events (
    org_id, meter_id, quantity, occurred_at, recorded_at, key, event_id, kind, provider, endpoint, language, format,
    subject_id, client_id, api_key_id, job_id, status_code, response_ms, file_bytes, plan_version_id, billable, source,
    details_hash)
  VALUES (
    p_org, p_decision.meter_id, p_event.quantity, p_event.at, p_now, p_event.key, p_event.id, p_event.kind,
    p_event.provider, p_event.endpoint, p_event.language, p_event.format, subject, p_decision.client_id, p_api_key,
    p_event.job, p_event.status, p_event.ms, p_event.bytes, p_decision.plan_version_id, true, 'api',
    sha256(p_event.salt || convert_to(p_event.metadata::text, 'UTF8')));
  IF p_event.metadata IS NOT NULL THEN
    INSERT INTO event_details (org_id, key, occurred_at, salt, metadata)
    VALUES (p_org, p_event.key, p_event.at, p_event.salt, p_event.metadata);
  END IF;
  IF p_decision.value IS NOT NULL THEN
    INSERT INTO usage_uniques AS u (org_id, meter_id, period_start, value_hash, billable)
    VALUES (p_org, p_decision.meter_id, p_decision.starts_at, p_decision.value, true)
    ON CONFLICT (org_id, meter_id, period_start, value_hash) DO UPDATE SET billable = true WHERE NOT u.billable
    RETURNING xmax = 0 INTO fresh;
    delta := CASE WHEN FOUND THEN 1 ELSE 0 END;
    freed := CASE WHEN fresh THEN 0 ELSE delta END;
  END IF;
  IF num_nonnulls(p_decision.per_minute, p_decision.per_hour, p_decision.per_day) > 0 THEN
    PERFORM usage_consume_windows(p_org, p_decision.meter_id, p_decision.time_zone, p_event.at, p_now, delta, is_max,
                                  p_decision.per_minute, p_decision.per_hour, p_decision.per_day, p_decision.ends_at);
  END IF;
  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, events)
  VALUES (p_org, p_decision.meter_id, p_decision.starts_at, delta, 1)
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET used = CASE WHEN is_max THEN greatest(c.used, delta) ELSE c.used + delta - freed END,
        unbilled = CASE WHEN is_max THEN greatest(c.used, delta) - greatest(c.billable, delta)
                        ELSE c.unbilled - freed END,
        events = c.events + 1
    WHERE p_decision.cap IS NULL OR delta = 0
      OR CASE WHEN is_max THEN delta ELSE c.billable + c.reserved + delta END <= p_decision.cap;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the limit is reached' USING ERRCODE = 'TK001', DETAIL = (
      SELECT usage_facts('period', p_decision.cap, c.billable, c.reserved, p_decision.starts_at,
                         p_decision.ends_at, delta, is_max)
      FROM usage_counters c
      WHERE c.org_id = p_org AND c.meter_id = p_decision.meter_id AND c.period_start = p_decision.starts_at)::text;
  END IF;
  RETURN 'recorded';
END $$;
