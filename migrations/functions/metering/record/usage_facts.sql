-- Builds the facts of a refusal at a limit: which span, from when to when, and what the event would have added (`adds`;
-- under `peak`, the value that it would have set). Numbers are text, so that no reader turns them into floats.
CREATE OR REPLACE FUNCTION usage_facts(
  span text, cap numeric, used numeric, reserved numeric, starts_at timestamptz, resets_at timestamptz, adds numeric,
  peak boolean)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('span', span, 'limit', cap::text, 'used', used::text, 'reserved', reserved::text,
                            'starts_at', to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                            'resets_at', to_char(resets_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                            'adds', adds::text, 'peak', peak)
$$;
