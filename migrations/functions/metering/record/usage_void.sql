-- Reverses an event: writes its negative, with its time and everything that it is counted by, and takes it from its
-- counter. What `max` and `unique` come to without it is left to be settled (usage_settle). Windows stay as they are.
-- Returns voided, or why not: unknown, again (it is voided already), period_open, too_old. The caller must hold the
-- org's usage lock exclusively.
CREATE OR REPLACE FUNCTION usage_void(
    org uuid, voided uuid, at timestamptz, oldest timestamptz, salt bytea, details jsonb,
    OUT outcome text, OUT meter integer, OUT quantity numeric, OUT occurred_at timestamptz, OUT closed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    void uuid := usage_void_key(voided);
    event usage_events;
    kind_of text;
    period record;
    amount numeric;
BEGIN
    SELECT e.* INTO event FROM usage_keys k
    JOIN usage_events e ON e.org_id = k.org_id AND e.occurred_at = k.occurred_at AND e.key = k.key
    WHERE k.org_id = org AND k.key = voided AND e.reverses IS NULL;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT m.aggregation INTO kind_of FROM catalog_meters m WHERE m.id = event.meter_id;
    SELECT p.starts_at, p.closed_at INTO period FROM subscriptions_periods p
    WHERE p.org_id = org AND p.starts_at <= event.occurred_at AND p.ends_at > event.occurred_at;
    meter := event.meter_id;
    quantity := event.quantity;
    occurred_at := event.occurred_at;
    closed := period.closed_at IS NOT NULL;
    IF EXISTS (SELECT FROM usage_keys k WHERE k.org_id = org AND k.key = void) THEN
        outcome := 'again';
        RETURN;
    END IF;
    outcome := usage_void_outcome(
        occurred_at => event.occurred_at, oldest => oldest, aggregation => kind_of, closed => closed);
    IF outcome <> 'voided' THEN
        RETURN;
    END IF;
    INSERT INTO usage_keys (org_id, key, content, occurred_at)
    VALUES (org, void, decode(replace(voided::text, '-', ''), 'hex'), event.occurred_at);
    INSERT INTO event_details (org_id, key, occurred_at, salt, metadata)
    VALUES (org, void, event.occurred_at, usage_void.salt, details);
    INSERT INTO usage_events (
        org_id, meter_id, quantity, occurred_at, recorded_at, key, event_id, kind, provider, endpoint, language, format,
        subject_id, client_id, api_key_id, job_id, plan_version_id, billable, billing_reason, source, reverses, attempt,
        status_code, response_ms, file_bytes, details_hash)
    VALUES (
        org, event.meter_id, -event.quantity, event.occurred_at, at, void, 'void of ' || event.event_id, event.kind,
        event.provider, event.endpoint, event.language, event.format, event.subject_id, event.client_id,
        event.api_key_id, event.job_id, event.plan_version_id, event.billable, event.billing_reason, 'void', voided,
        event.attempt, event.status_code, event.response_ms, event.file_bytes,
        sha256(usage_void.salt || convert_to(details::text, 'UTF8')));
    amount := CASE kind_of WHEN 'count' THEN 1 WHEN 'sum' THEN event.quantity ELSE 0 END;
    UPDATE usage_counters c
    SET used = CASE WHEN kind_of = 'max' THEN 0 ELSE c.used - amount END,
        unbilled = CASE WHEN kind_of = 'max' THEN 0 WHEN event.billable THEN c.unbilled ELSE c.unbilled - amount END,
        unsettled = CASE WHEN kind_of IN ('max', 'unique') THEN pg_current_xact_id()::text::bigint ELSE c.unsettled END,
        events = c.events + 1
    WHERE c.org_id = org AND c.meter_id = event.meter_id AND c.period_start = period.starts_at;
END $$;
