"""The staff's reports as one would ask the events for them, without roll-ups. Days are UTC days."""

DAILY = """
SELECT (e.occurred_at AT TIME ZONE 'UTC')::date AS day, e.meter_id, sum(e.quantity), count(*)
FROM usage_events e
WHERE e.occurred_at >= %(first)s::timestamp AT TIME ZONE 'UTC'
  AND e.occurred_at < %(after)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2 ORDER BY 1, 2
"""
BY_PLAN = """
SELECT e.meter_id, v.plan_id, sum(e.quantity), count(*)
FROM usage_events e LEFT JOIN plan_versions v ON v.id = e.plan_version_id
WHERE e.occurred_at >= %(first)s::timestamp AT TIME ZONE 'UTC'
  AND e.occurred_at < %(after)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2 ORDER BY 1, 3 DESC
"""
BY_PROVIDER = """
SELECT e.meter_id, e.provider, sum(e.quantity), count(*)
FROM usage_events e
WHERE e.occurred_at >= %(first)s::timestamp AT TIME ZONE 'UTC'
  AND e.occurred_at < %(after)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2 ORDER BY 1, 3 DESC
"""
TOP_ORGS = """
SELECT e.org_id, o.name, sum(e.quantity) AS quantity, count(*)
FROM usage_events e JOIN orgs o ON o.id = e.org_id
WHERE e.occurred_at >= %(first)s::timestamp AT TIME ZONE 'UTC'
  AND e.occurred_at < %(after)s::timestamp AT TIME ZONE 'UTC'
  AND e.meter_id = %(meter)s
GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 10
"""
ACTIVE = """
SELECT count(DISTINCT e.org_id), count(DISTINCT (e.org_id, e.subject_id))
FROM usage_events e
WHERE e.occurred_at >= %(first)s::timestamp AT TIME ZONE 'UTC'
  AND e.occurred_at < %(after)s::timestamp AT TIME ZONE 'UTC'
"""
