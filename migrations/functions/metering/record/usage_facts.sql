-- Builds the facts of a refusal at a limit. Numbers are text, so that no reader turns them into floats.
CREATE OR REPLACE FUNCTION usage_facts(span text, cap numeric, used numeric, reserved numeric, resets_at timestamptz)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('span', span, 'limit', cap::text, 'used', used::text, 'reserved', reserved::text,
                            'resets_at', to_char(resets_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
$$;
