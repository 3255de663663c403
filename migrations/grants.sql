-- The privileges of the web and worker roles. The owner runs this after every upgrade. Idempotent; does nothing without
-- the roles of roles.sql. A new table can be read, inserted into and updated by both roles, and deleted from by neither,
-- unless it is listed here. Partitions get nothing: rows are reached through the parent, whose privileges apply, so new
-- partitions need no grants and cannot be used to bypass the parent's.
DO $$
DECLARE
  append_only CONSTANT text[] := ARRAY['usage_keys', 'usage_events', 'audit_entries', 'sign_in_log', 'issued_documents',
    'stripe_balance_movements', 'trial_uses', 'recurring_charges'];
  -- personal data, removed by erasure and retention in the worker
  erasable CONSTANT text[] := ARRAY['event_details', 'audit_persons', 'sign_in_details'];
  read_only CONSTANT text[] := ARRAY['alembic_version', 'schema_functions', 'usage_counted'];
  -- rows that end with what they stand for; both roles delete them
  transient CONSTANT text[] := ARRAY['attempts', 'idempotency_keys', 'memberships', 'org_notes', 'org_terms',
    'plans_in_force', 'refused_events', 'refused_hours', 'refused_quota', 'sessions',
    'stripe_prices', 'usage_counters', 'usage_periods', 'usage_uniques', 'usage_windows'];
  -- the queue's, and what is computed again from the events: only the worker deletes them
  rebuilt CONSTANT text[] := ARRAY['procrastinate_events', 'procrastinate_jobs', 'procrastinate_periodic_defers',
    'procrastinate_workers', 'rehearsals', 'rollup_values', 'usage_days', 'usage_months', 'usage_totals',
    'usage_user_months'];
  -- books of money and access: only what a change of state writes can be updated
  state_columns CONSTANT jsonb := '{
    "api_keys": ["revoked_at", "last_used_at", "last_used_address"],
    "audit_heads": ["seq", "hash"],
    "billing_records": ["state", "settled_at", "amount", "currency", "description", "refunded", "checkout_id",
      "invoice_id", "transaction_id", "card_brand", "card_last4", "failure_code", "failure", "reversed_at", "reversed_for"],
    "checkouts": ["state", "session_id", "closed_at", "failure", "trial_refused"],
    "dunnings": ["mails", "next_mail_at", "limited_at", "ended_at", "outcome"],
    "invitations": ["accepted_at", "revoked_at"],
    "credit_notes": ["state", "stripe_credit_note_id", "number", "pdf_url", "due_amount", "refund_amount",
      "balance_amount", "settled_at", "replays", "error"],
    "invoice_lines": ["invoice_id", "stripe_item_id", "credit_note_id", "credits_line_id", "discount"],
    "invoices": ["state", "settled_at", "stripe_invoice_id", "looked_at"],
    "issued_invoices": ["state", "paid", "credited", "reason", "settled_at", "written_off",
      "written_off_at", "mails", "next_mail_at"],
    "number_series": ["last"],
    "org_views": ["closed_at", "left_at"],
    "planned_changes": ["schedule_ref", "released_at", "effective_at", "ended_at", "outcome", "subscription_id", "interval",
      "usage_at", "usage_applied_at"],
    "plan_moves": ["stopped_by", "stopped_at"],
    "plan_move_orgs": ["state", "note", "planned_id", "tried_at"],
    "plan_changes": ["state", "invoice_id", "failure", "settled_at"],
    "stripe_inbox": ["state", "attempts", "error", "org_id", "settled_at", "replayed_at", "api_version", "livemode",
      "account", "object_type", "object_id", "customer_id", "source", "body"],
    "subscription_events": []
  }';
  relation record;
  columns text;
BEGIN
  IF to_regrole('tollkeeper_web') IS NULL OR to_regrole('tollkeeper_worker') IS NULL THEN
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA public TO tollkeeper_web, tollkeeper_worker;
  GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tollkeeper_web, tollkeeper_worker;
  -- PostgreSQL lets everybody execute a new function, those with the owner's rights too.
  REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public FROM PUBLIC;
  GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO tollkeeper_web, tollkeeper_worker;
  FOR relation IN
    SELECT oid::regclass AS name, relname::text, relispartition, relkind FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, tollkeeper_web, tollkeeper_worker', relation.name);
    CONTINUE WHEN relation.relispartition;
    EXECUTE format('GRANT SELECT ON %s TO tollkeeper_web, tollkeeper_worker', relation.name);
    CONTINUE WHEN relation.relkind = 'v' OR relation.relname = ANY (read_only);
    EXECUTE format('GRANT INSERT ON %s TO tollkeeper_web, tollkeeper_worker', relation.name);
    CONTINUE WHEN relation.relname = ANY (append_only);
    IF relation.relname = ANY (erasable) THEN
      EXECUTE format('GRANT UPDATE, DELETE ON %s TO tollkeeper_worker', relation.name);
      CONTINUE;
    END IF;
    IF state_columns ? relation.relname THEN
      SELECT string_agg(quote_ident(name), ', ') INTO columns
      FROM jsonb_array_elements_text(state_columns -> relation.relname) AS listed (name);
      IF columns IS NOT NULL THEN
        EXECUTE format('GRANT UPDATE (%s) ON %s TO tollkeeper_web, tollkeeper_worker', columns, relation.name);
      END IF;
      CONTINUE;
    END IF;
    EXECUTE format('GRANT UPDATE ON %s TO tollkeeper_web, tollkeeper_worker', relation.name);
    IF relation.relname = ANY (transient) THEN
      EXECUTE format('GRANT DELETE ON %s TO tollkeeper_web, tollkeeper_worker', relation.name);
    ELSIF relation.relname = ANY (rebuilt) THEN
      EXECUTE format('GRANT DELETE ON %s TO tollkeeper_worker', relation.name);
    END IF;
  END LOOP;
END $$;
