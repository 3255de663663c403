-- usage_record where PostgreSQL is 17 or newer and no synchronous standby is waited for: commit without waiting for
-- the disk, which frees the hot counter's row at once, then flush the WAL, then answer. The WAL is a prefix, so the
-- flush covers our commit and all that it read; a duplicate flushes too, for its first copy may not be on disk yet.
-- A procedure that commits can be neither SECURITY DEFINER nor carry SET, and must be called outside a transaction.
CREATE PROCEDURE usage_record_durably(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_api_key uuid,
  p_id text, p_key uuid, p_content bytea, p_meter text, p_quantity numeric, p_at timestamptz,
  p_kind text, p_provider text, p_endpoint text, p_language text, p_format text, p_user text, p_client text,
  p_job text, p_status integer, p_ms integer, p_bytes bigint, p_salt bytea, p_metadata jsonb,
  OUT outcome text, OUT facts jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  done record;
BEGIN
  SET LOCAL synchronous_commit = off;
  done := usage_record(
    p_org, p_now, p_oldest, p_newest, p_api_key, p_id, p_key, p_content, p_meter, p_quantity, p_at, p_kind, p_provider,
    p_endpoint, p_language, p_format, p_user, p_client, p_job, p_status, p_ms, p_bytes, p_salt, p_metadata);
  outcome := done.outcome;
  facts := done.facts;
  COMMIT;
  PERFORM pg_logical_emit_message(false, 'f', '', true);
END $$;

-- The same for a batch.
CREATE PROCEDURE usage_record_batch_durably(
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
  done record;
BEGIN
  SET LOCAL synchronous_commit = off;
  done := usage_record_batch(
    p_org, p_now, p_oldest, p_newest, p_api_key, p_source, p_billable, p_limited, p_exact, p_meters, p_clients, p_users,
    p_ids, p_keys, p_contents, p_meter, p_quantity, p_at, p_kind, p_provider, p_endpoint, p_language, p_format, p_user,
    p_client, p_job, p_status, p_ms, p_bytes, p_salt, p_metadata);
  recorded := done.recorded;
  duplicates := done.duplicates;
  refused := done.refused;
  COMMIT;
  PERFORM pg_logical_emit_message(false, 'f', '', true);
END $$;
