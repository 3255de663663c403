-- Records one event: one round trip, exact, once. Outcomes: recorded, duplicate, and the refusals id_conflict,
-- event_too_old, event_in_future, unknown_meter, unknown_client, invalid_event, quota_exceeded (with facts), and
-- no_period, after which the caller opens the period that holds the event and repeats.
--
-- A refusal that can be seen beforehand writes nothing. A race lost while writing raises TK001 with the facts, and
-- nothing of the event remains. Rows are always locked in the order subjects, keys, uniques, windows, counters.
--
-- p_flush, where PostgreSQL is 17 or newer and no synchronous standby is waited for: commit without waiting for the
-- disk, which frees the hot counter's row at once, then flush the WAL, then answer. The WAL is a prefix, so the flush
-- covers our commit and all that it read; a duplicate flushes too, for its first copy may not be on disk yet.
-- A procedure that commits can be neither SECURITY DEFINER nor carry SET, and must be called outside a transaction.
CREATE OR REPLACE PROCEDURE usage_record(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_api_key uuid,
  p_event usage_event_input, p_flush boolean, OUT outcome text, OUT facts jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  decision usage_decision;
BEGIN
  IF p_flush THEN
    SET LOCAL synchronous_commit = off;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(usage_lock(p_org));
  decision := usage_decide(p_org, p_now, p_oldest, p_newest, p_event);
  outcome := decision.outcome;
  facts := decision.facts;
  IF outcome IS NULL THEN
    outcome := usage_write(p_org, p_now, p_api_key, p_event, decision);
  END IF;
  IF p_flush THEN
    COMMIT;
    PERFORM pg_logical_emit_message(false, 'f', '', true);
  END IF;
END $$;
