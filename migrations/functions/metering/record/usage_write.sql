-- Writes an event admitted by usage_decide: claims the key, inserts the event, and updates the counter last, with its
-- limit in the WHERE clause, to hold the hot row's lock only briefly. Returns recorded, or usage_previous_outcome if
-- the same id was recorded concurrently. Raises TK001 with the facts if the limit was reached concurrently.
CREATE OR REPLACE FUNCTION usage_write(
  p_org uuid, p_now timestamptz, p_api_key uuid, p_event usage_event_input, p_decision usage_decision)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  delta numeric := p_decision.delta;
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
    INSERT INTO usage_uniques (org_id, meter_id, period_start, value_hash)
    VALUES (p_org, p_decision.meter_id, p_decision.starts_at, p_decision.value) ON CONFLICT DO NOTHING;
    delta := CASE WHEN FOUND THEN 1 ELSE 0 END;
  END IF;
  IF num_nonnulls(p_decision.per_minute, p_decision.per_hour, p_decision.per_day) > 0 THEN
    PERFORM usage_consume_windows(p_org, p_decision.meter_id, p_now, delta, is_max,
                                  p_decision.per_minute, p_decision.per_hour, p_decision.per_day);
  END IF;
  INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, events)
  VALUES (p_org, p_decision.meter_id, p_decision.starts_at, delta, 1)
  ON CONFLICT (org_id, meter_id, period_start) DO UPDATE
    SET used = CASE WHEN is_max THEN greatest(c.used, delta) ELSE c.used + delta END,
        unbilled = CASE WHEN is_max THEN greatest(c.used, delta) - greatest(c.used - c.unbilled, delta)
                        ELSE c.unbilled END,
        events = c.events + 1
    WHERE p_decision.cap IS NULL OR delta = 0
      OR CASE WHEN is_max THEN delta ELSE c.used + c.reserved + delta END <= p_decision.cap;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the limit is reached' USING ERRCODE = 'TK001', DETAIL = (
      SELECT usage_facts('period', p_decision.cap, c.used, c.reserved, p_decision.ends_at) FROM usage_counters c
      WHERE c.org_id = p_org AND c.meter_id = p_decision.meter_id AND c.period_start = p_decision.starts_at)::text;
  END IF;
  RETURN 'recorded';
END $$;
