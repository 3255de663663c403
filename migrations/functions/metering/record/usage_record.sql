-- Records one event exactly once, in one round trip. Outcomes: recorded, duplicate, the refusals id_conflict,
-- event_too_old, event_in_future, unknown_meter, unknown_client, client_deleted, invalid_event and quota_exceeded (with
-- facts), and unresolved: the event's period is not open, or the meter's terms in it are missing or have run out. The
-- caller has them resolved and repeats.
--
-- A refusal detected up front writes nothing. Losing a race while writing raises TK001 with the facts, and rolls the
-- event back; TK005, if somebody else made the client meanwhile: the caller repeats. Rows are always locked in the order
-- subjects, keys, clients, uniques, windows, counters.
--
-- p_flush requires PostgreSQL 17 or newer and no synchronous standby: commit without waiting for the disk, which
-- releases the hot counter's row at once, then flush the WAL, then return. The WAL is sequential, so the flush covers
-- our commit and everything it read. Duplicates flush too, since the original may not be on disk yet.
-- A procedure that commits can be neither SECURITY DEFINER nor have SET clauses, and must run outside a transaction.
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
