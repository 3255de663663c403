-- Keeps refused events as sent, up to p_most an hour and code; the rest is only counted, so that a sender that repeats a
-- mistake cannot fill the disk. p_codes and the arrays after it have one element an event.
CREATE OR REPLACE FUNCTION usage_keep_refused(
  p_org uuid, p_now timestamptz, p_most integer, p_codes text[], p_ids uuid[], p_event_ids text[], p_details text[],
  p_events text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  this_hour CONSTANT timestamptz := date_trunc('hour', p_now);
BEGIN
  SET LOCAL synchronous_commit = off;
  INSERT INTO refused_hours (org_id, hour, code, kept, more)
  SELECT p_org, this_hour, c.code, 0, 0 FROM (SELECT DISTINCT unnest(p_codes)) c (code) ORDER BY c.code
  ON CONFLICT (org_id, hour, code) DO NOTHING;
  PERFORM FROM refused_hours r
  WHERE r.org_id = p_org AND r.hour = this_hour AND r.code = ANY (p_codes) ORDER BY r.code FOR UPDATE;
  INSERT INTO refused_events (org_id, id, at, event_id, code, detail, event)
  SELECT p_org, x.id, p_now, x.event_id, x.code, x.detail, x.event::json
  FROM (SELECT e.*, row_number() OVER (PARTITION BY e.code ORDER BY e.id) AS n
        FROM unnest(p_codes, p_ids, p_event_ids, p_details, p_events) e (code, id, event_id, detail, event)) x
  JOIN refused_hours r ON r.org_id = p_org AND r.hour = this_hour AND r.code = x.code
  WHERE r.kept + x.n <= p_most;
  UPDATE refused_hours r
  SET kept = least(r.kept + x.n, p_most), more = r.more + r.kept + x.n - least(r.kept + x.n, p_most)
  FROM (SELECT c.code, count(*) AS n FROM unnest(p_codes) c (code) GROUP BY c.code) x
  WHERE r.org_id = p_org AND r.hour = this_hour AND r.code = x.code;
END $$;
