-- What subscriptions adds to an org's timeline: changes of plan and state, overrides given and ended, usage periods
-- begun and closed. The columns of `accounts_timeline`.
CREATE OR REPLACE VIEW subscriptions_timeline AS
SELECT event.org_id, event.at, 'plan' AS kind, 'plan:' || event.id AS key, event.kind AS what, NULL::uuid AS actor_id,
       jsonb_build_object('plan', version.plan_name, 'version', version.number) AS facts
FROM subscription_events event JOIN catalog_versions version ON version.id = event.plan_version_id
UNION ALL
SELECT org_id, given_at, 'override', 'override:given:' || id, 'override_given', given_by,
       jsonb_build_object('key', key, 'value', value, 'reason', reason, 'until', ends_at)
FROM overrides
UNION ALL
SELECT org_id, ended_at, 'override', 'override:ended:' || id, 'override_ended', NULL,
       jsonb_build_object('key', key, 'value', value)
FROM overrides WHERE ended_at IS NOT NULL
UNION ALL
SELECT org_id, starts_at, 'period', 'period:started:' || starts_at, 'period_started', NULL,
       jsonb_build_object('start', starts_at, 'end', ends_at)
FROM usage_periods
UNION ALL
SELECT org_id, closed_at, 'period', 'period:closed:' || starts_at, 'period_closed', NULL,
       jsonb_build_object('start', starts_at, 'end', ends_at)
FROM usage_periods WHERE closed_at IS NOT NULL;
