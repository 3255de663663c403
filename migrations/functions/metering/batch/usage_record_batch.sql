-- Records up to a few thousand events of one org. Columns are arrays of equal length, or NULL if no event has a value
-- (for times: p_now). Distinct meters, clients and users are passed once, and events refer to them by index (0: none).
-- Texts are never empty, so '' means NULL. `refused` is NULL or a list of {index (from 0), code, facts}.
--
-- The fast path is set-based. It handles only batches whose events can all be recorded or are duplicates, of meters
-- that sum or count; otherwise it raises TK002 with nothing written, and the caller repeats with p_exact. Then the
-- org's lock is exclusive, and usage_admit decides event by event, in the order of the batch. Keys and counters are
-- always locked in the same order, so concurrent batches cannot deadlock. TK004: for some event within the accepted
-- times no period is open, or the meter's terms in it are unresolved; the caller mends that and repeats. TK005 is as in
-- usage_record: clients that the batch names first are made on the exact path.
--
-- p_limited = false ignores all limits (imports); p_billable = false counts the events as never priced. p_flush is as
-- in usage_record. The arrays are separate arguments, because an array inside a composite is read from its start for
-- every element.
CREATE OR REPLACE PROCEDURE usage_record_batch(
  p_org uuid, p_now timestamptz, p_oldest timestamptz, p_newest timestamptz, p_api_key uuid,
  p_source text, p_import uuid, p_billable boolean, p_limited boolean, p_exact boolean,
  p_meters text[], p_clients text[], p_users text[],
  p_ids text[], p_keys uuid[], p_contents uuid[], p_meter integer[], p_quantity numeric[], p_at timestamptz[],
  p_kind text[], p_provider text[], p_endpoint text[], p_language text[], p_format text[], p_user integer[],
  p_client integer[], p_job text[], p_status integer[], p_ms integer[], p_bytes bigint[], p_salt uuid[],
  p_metadata jsonb[],
  p_flush boolean, OUT recorded integer, OUT duplicates integer, OUT refused jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  meter_ids integer[];
  aggregations text[];
  dimensions text[];
  client_ids uuid[];
  client_ends timestamptz[];
  new_clients uuid[];
  subject_ids uuid[];
  starts timestamptz[];
  ends timestamptz[];
  zones text[];
  plans uuid[];
  term_starts timestamptz[];
  term_plans uuid[];
  first_at timestamptz;
  last_at timestamptz;
  vals bytea[];
  admitted boolean[];
  fresh integer[];
  sum_meter integer[];
  sum_start timestamptz[];
  sum_used numeric[];
  sum_events bigint[];
BEGIN
  IF p_flush THEN
    SET LOCAL synchronous_commit = off;
  END IF;
  IF p_exact THEN
    PERFORM pg_advisory_xact_lock(usage_lock(p_org));
  ELSE
    PERFORM pg_advisory_xact_lock_shared(usage_lock(p_org));
  END IF;
  IF p_at IS NULL THEN
    p_at := array_fill(p_now, ARRAY[cardinality(p_keys)]);
    first_at := p_now;
    last_at := p_now;
  ELSE
    SELECT min(a), max(a) INTO first_at, last_at FROM unnest(p_at) a;
  END IF;
  SELECT array_agg(m.id ORDER BY o.n), array_agg(m.aggregation ORDER BY o.n), array_agg(m.dimension ORDER BY o.n)
  INTO meter_ids, aggregations, dimensions
  FROM unnest(p_meters) WITH ORDINALITY o (key, n)
  LEFT JOIN catalog_meters m ON m.key = o.key AND m.archived_at IS NULL;
  SELECT array_agg(p.starts_at ORDER BY p.starts_at), array_agg(p.ends_at ORDER BY p.starts_at),
         array_agg(p.time_zone ORDER BY p.starts_at), array_agg(p.plan_version_id ORDER BY p.starts_at)
  INTO starts, ends, zones, plans
  FROM subscriptions_periods p WHERE p.org_id = p_org AND p.starts_at <= last_at AND p.ends_at > first_at;
  SELECT array_agg(s.starts_at ORDER BY s.starts_at), array_agg(s.plan_version_id ORDER BY s.starts_at)
  INTO term_starts, term_plans
  FROM subscriptions_plans s WHERE s.org_id = p_org AND s.starts_at <= last_at;
  IF p_clients IS NOT NULL THEN
    SELECT array_agg(c.id ORDER BY o.n), array_agg(c.deleted_at ORDER BY o.n) INTO client_ids, client_ends
    FROM unnest(p_clients) WITH ORDINALITY o (named, n) CROSS JOIN LATERAL usage_client(p_org, o.named) c;
  END IF;
  IF NOT p_exact AND (
      first_at < p_oldest OR last_at > p_newest
      OR array_position(meter_ids, NULL) IS NOT NULL OR array_position(client_ids, NULL) IS NOT NULL
      OR cardinality(array_remove(client_ends, NULL)) > 0
      OR aggregations && ARRAY['max', 'unique']) THEN
    RAISE EXCEPTION 'the batch must be decided event by event' USING ERRCODE = 'TK002';
  END IF;
  IF (starts IS NULL OR first_at < starts[1] OR last_at >= ends[cardinality(ends)]) AND EXISTS (
      SELECT FROM unnest(p_at) a WHERE a BETWEEN p_oldest AND p_newest
      AND (starts IS NULL OR a < starts[1] OR a >= ends[cardinality(ends)])) THEN
    RAISE EXCEPTION 'a usage period is not open' USING ERRCODE = 'TK004';
  END IF;
  IF p_users IS NOT NULL THEN
    subject_ids := usage_batch_subjects(p_org, p_users);
  END IF;

  IF p_exact THEN
    IF array_position(client_ids, NULL) IS NOT NULL THEN
      new_clients := usage_new_clients(p_org, client_ids);
      SELECT array_agg(coalesce(c.known, c.new) ORDER BY c.n) INTO client_ids
      FROM unnest(client_ids, new_clients) WITH ORDINALITY c (known, new, n);
    END IF;
    IF 'unique' = ANY (aggregations) THEN
      vals := usage_batch_values(dimensions, subject_ids, client_ids, p_meter, p_kind, p_provider, p_endpoint,
                                 p_language, p_format, p_user, p_client, p_job);
    END IF;
    SELECT a.admitted, a.duplicates, a.refused INTO admitted, duplicates, refused
    FROM usage_admit(p_org, p_now, p_oldest, p_newest, p_billable, p_limited, meter_ids, aggregations, dimensions,
                     client_ids, client_ends, starts, ends, zones, p_keys, p_contents, p_meter, p_quantity, p_at,
                     p_client, vals) a;
  ELSIF p_limited AND NOT usage_batch_fits(
      p_org, p_now, meter_ids, aggregations, starts, zones, p_meter, p_quantity, p_at) THEN
    RAISE EXCEPTION 'the batch must be decided event by event' USING ERRCODE = 'TK002';
  END IF;

  -- Claim keys separately and read events by index, so that their twenty columns are never sorted or materialised.
  WITH x AS MATERIALIZED (
    SELECT DISTINCT ON (e.key) e.key, e.i::integer AS i
    FROM unnest(p_keys) WITH ORDINALITY e (key, i)
    WHERE admitted IS NULL OR admitted[e.i]
    ORDER BY e.key, e.i),
  claimed AS (
    INSERT INTO usage_keys (org_id, key, content, occurred_at, import_id)
    SELECT p_org, x.key, uuid_send(p_contents[x.i]), p_at[x.i], p_import FROM x ORDER BY x.key
    ON CONFLICT (org_id, key) DO NOTHING RETURNING key)
  SELECT array_agg(x.i ORDER BY x.i) INTO fresh FROM x JOIN claimed USING (key);
  IF new_clients IS NOT NULL THEN
    PERFORM accounts_make_clients(p_org, array_agg(new_clients[n.c]), array_agg(p_clients[n.c]), p_now)
    FROM (SELECT DISTINCT p_client[i] AS c FROM unnest(fresh) i) n WHERE new_clients[n.c] IS NOT NULL;
  END IF;
  INSERT INTO usage_events (
    org_id, meter_id, quantity, occurred_at, recorded_at, key, event_id, kind, provider, endpoint, language, format,
    subject_id, client_id, api_key_id, job_id, status_code, response_ms, file_bytes, plan_version_id, billable,
    billing_reason, source, details_hash)
  SELECT p_org, meter_ids[p_meter[i]], p_quantity[i], p_at[i], p_now, p_keys[i], p_ids[i], nullif(p_kind[i], ''),
         nullif(p_provider[i], ''), nullif(p_endpoint[i], ''), nullif(p_language[i], ''), nullif(p_format[i], ''),
         subject_ids[p_user[i]], client_ids[p_client[i]], p_api_key, nullif(p_job[i], ''), p_status[i], p_ms[i],
         p_bytes[i], coalesce(term_plans[width_bucket(p_at[i], term_starts)], plans[width_bucket(p_at[i], starts)]),
         p_billable, CASE WHEN NOT p_billable THEN p_source END, p_source,
         sha256(uuid_send(p_salt[i]) || convert_to(p_metadata[i]::text, 'UTF8'))
  FROM unnest(fresh) i;
  IF p_metadata IS NOT NULL THEN
    INSERT INTO event_details (org_id, key, occurred_at, salt, metadata)
    SELECT p_org, p_keys[i], p_at[i], uuid_send(p_salt[i]), p_metadata[i]
    FROM unnest(fresh) i WHERE p_metadata[i] IS NOT NULL;
  END IF;
  SELECT array_agg(meter_ids[m]), array_agg(starts[period]), array_agg(q), array_agg(n)
  INTO sum_meter, sum_start, sum_used, sum_events
  FROM (SELECT p_meter[i] AS m, width_bucket(p_at[i], starts) AS period,
               sum(CASE aggregations[p_meter[i]] WHEN 'count' THEN 1 ELSE p_quantity[i] END) AS q, count(*) AS n
        FROM unnest(fresh) i GROUP BY 1, 2) sums;
  recorded := coalesce(cardinality(fresh), 0);
  IF NOT p_exact THEN
    PERFORM usage_consume_batch(
      p_org, p_now, p_billable, p_limited, meter_ids, aggregations, starts, zones,
      ARRAY(SELECT p_meter[i] FROM unnest(fresh) WITH ORDINALITY f (i, n) ORDER BY n),
      ARRAY(SELECT p_quantity[i] FROM unnest(fresh) WITH ORDINALITY f (i, n) ORDER BY n),
      ARRAY(SELECT p_at[i] FROM unnest(fresh) WITH ORDINALITY f (i, n) ORDER BY n),
      sum_meter, sum_start, sum_used, sum_events);
    refused := usage_batch_conflicts(p_org, p_keys, p_contents, fresh);
    duplicates := cardinality(p_keys) - recorded - coalesce(jsonb_array_length(refused), 0);
  END IF;
  IF p_flush THEN
    COMMIT;
    PERFORM pg_logical_emit_message(false, 'f', '', true);
  END IF;
END $$;
