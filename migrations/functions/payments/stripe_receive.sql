-- Stores a Stripe event once and queues its task in the same statement; false if it was already stored. One that was
-- refused (other mode, account or API version) and comes again is stored as it comes now, and judged anew.
-- Tasks of one customer run in sequence; those of different customers run in parallel.
CREATE OR REPLACE FUNCTION stripe_receive(
    p_id text, p_type text, p_api_version text, p_livemode boolean, p_account text, p_object_type text,
    p_object_id text, p_customer text, p_source text, p_body jsonb, p_created timestamptz, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stripe_inbox (
    id, type, api_version, livemode, account, object_type, object_id, customer_id, source, body, created_at,
    received_at)
  VALUES (
    p_id, p_type, p_api_version, p_livemode, p_account, p_object_type, p_object_id, p_customer, p_source, p_body,
    p_created, p_now)
  ON CONFLICT (id) DO UPDATE SET
    api_version = excluded.api_version, livemode = excluded.livemode, account = excluded.account,
    object_type = excluded.object_type, object_id = excluded.object_id, customer_id = excluded.customer_id,
    source = excluded.source, body = excluded.body,
    state = 'received', attempts = 0, error = NULL, settled_at = NULL, replayed_at = NULL
  WHERE stripe_inbox.state = 'refused';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
    'payments'::varchar, 'payments.apply'::varchar, 0, ('stripe:' || coalesce(p_customer, p_object_id, p_id))::varchar,
    NULL::varchar, jsonb_build_object('event_id', p_id), NULL::timestamptz)]::procrastinate_job_to_defer_v1[]);
  RETURN true;
END $$;
