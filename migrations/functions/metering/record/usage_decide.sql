-- Decides whether an event may be recorded now, and returns what usage_write needs. A non-null outcome means that
-- nothing is to be written. Checks the id first, then everything that does not depend on limits, then the limits. The
-- caller must hold the org's usage lock in shared mode. A user counted by a `unique` meter gets an opaque id here,
-- since that id is what is counted.
CREATE OR REPLACE FUNCTION usage_decide(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_event usage_event_input)
RETURNS usage_decision LANGUAGE plpgsql AS $$
DECLARE
  decision usage_decision;
  state record;
  is_max boolean;
  outcome text;
  facts jsonb;
  subject uuid;
  client uuid;
  client_ends timestamptz;
  makes_client boolean := false;
  value bytea;
  delta numeric;
BEGIN
  SELECT k.content AS known, m.id AS meter_id, m.aggregation, m.dimension, p.starts_at, p.ends_at, p.time_zone,
         coalesce(t.plan_version_id, p.plan_version_id) AS plan_version_id, l.per_minute, l.per_hour, l.per_day,
         l.cap, l.meter_id IS NOT NULL AND (l.valid_until IS NULL OR l.valid_until > p_now) AS resolved,
         coalesce(c.billable, 0) AS used, coalesce(c.reserved, 0) AS reserved
  INTO state
  FROM (SELECT) AS call
  LEFT JOIN usage_keys k ON k.org_id = p_org AND k.key = p_event.key
  LEFT JOIN catalog_meters m ON m.key = p_event.meter AND m.archived_at IS NULL
  LEFT JOIN LATERAL (SELECT * FROM subscriptions_periods u WHERE u.org_id = p_org AND u.starts_at <= p_event.at
                     ORDER BY u.starts_at DESC LIMIT 1) p ON p.ends_at > p_event.at
  LEFT JOIN LATERAL (SELECT s.plan_version_id FROM subscriptions_plans s
                     WHERE s.org_id = p_org AND s.starts_at <= p_event.at
                     ORDER BY s.starts_at DESC LIMIT 1) t ON true
  LEFT JOIN subscriptions_terms l ON l.org_id = p_org AND l.meter_id = m.id AND l.period_start = p.starts_at
  LEFT JOIN usage_counters c ON c.org_id = p_org AND c.meter_id = m.id AND c.period_start = p.starts_at;

  IF state.known IS NOT NULL THEN
    decision.outcome := CASE WHEN state.known = p_event.content THEN 'duplicate' ELSE 'id_conflict' END;
    RETURN decision;
  END IF;
  IF p_event.client IS NOT NULL THEN
    SELECT c.id, c.deleted_at INTO client, client_ends FROM usage_client(p_org, p_event.client) c;
    IF client IS NULL THEN
      client := (usage_new_clients(p_org, ARRAY[NULL::uuid]))[1];
      makes_client := client IS NOT NULL;
    END IF;
  END IF;
  outcome := CASE
    WHEN p_event.at < p_oldest THEN 'event_too_old'
    WHEN p_event.at > p_newest THEN 'event_in_future'
    WHEN state.meter_id IS NULL THEN 'unknown_meter'
    WHEN p_event.client IS NOT NULL AND client IS NULL THEN 'unknown_client'
    WHEN p_event.at >= client_ends THEN 'client_deleted'
    WHEN NOT state.resolved THEN 'unresolved' END;
  IF outcome IS NOT NULL THEN
    decision.outcome := outcome;
    RETURN decision;
  END IF;

  is_max := state.aggregation = 'max';
  delta := p_event.quantity;
  IF state.aggregation = 'count' THEN
    delta := 1;
  ELSIF state.aggregation = 'unique' THEN
    IF state.dimension = 'user' AND p_event."user" IS NOT NULL THEN
      subject := usage_subject(p_org, p_event."user");
    END IF;
    value := usage_value(state.dimension, p_event.kind, p_event.provider, p_event.endpoint, p_event.language,
                         p_event.format, subject, client, p_event.job);
    IF value IS NULL THEN
      decision.outcome := 'invalid_event';
      decision.facts := jsonb_build_object('dimension', state.dimension);
      RETURN decision;
    END IF;
    delta := CASE WHEN usage_value_counted(p_org, state.meter_id, state.starts_at, value) THEN 0 ELSE 1 END;
  END IF;

  IF delta > 0 AND (CASE WHEN is_max THEN delta ELSE state.used + state.reserved + delta END) > state.cap THEN
    facts := usage_facts('period', state.cap, state.used, state.reserved, state.starts_at, state.ends_at, delta, is_max);
  ELSIF num_nonnulls(state.per_minute, state.per_hour, state.per_day) > 0 THEN
    facts := usage_exceeded_window(
      p_org, state.meter_id, state.time_zone, p_event.at, p_now, delta, is_max, state.per_minute, state.per_hour,
      state.per_day, state.ends_at);
  END IF;
  IF facts IS NOT NULL AND value IS NOT NULL AND usage_value_counted(p_org, state.meter_id, state.starts_at, value) THEN
    delta := 0;  -- this value filled the limit concurrently, and is not counted twice
    facts := NULL;
  END IF;
  IF facts IS NOT NULL THEN  -- unless this event, sent twice at once, filled the limit itself
    decision.outcome := usage_previous_outcome(p_org, p_event.key, p_event.content);
    IF decision.outcome IS NULL THEN
      decision.outcome := 'quota_exceeded';
      decision.facts := facts;
    END IF;
    RETURN decision;
  END IF;
  RETURN (NULL, NULL, state.meter_id, is_max, state.starts_at, state.ends_at, state.plan_version_id,
          state.time_zone, state.cap, state.per_minute, state.per_hour, state.per_day, subject, client, value, delta,
          makes_client)::usage_decision;
END $$;
