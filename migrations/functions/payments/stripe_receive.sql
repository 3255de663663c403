-- One statement of the hot pool: an event is stored once, and its task leaves with it; false when it was stored before.
-- Tasks of one customer run one after another, those of different customers side by side.
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
  ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
    'default'::varchar, 'payments.apply'::varchar, 0, ('stripe:' || coalesce(p_customer, p_object_id, p_id))::varchar,
    NULL::varchar, jsonb_build_object('event_id', p_id), NULL::timestamptz)]::procrastinate_job_to_defer_v1[]);
  RETURN true;
END $$;
