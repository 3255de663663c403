-- The currency for pricing an org's usage of a plan version at a given time: its subscription's, else the org's own,
-- else one that the plan has a price in.
CREATE OR REPLACE FUNCTION currency_in_force(org uuid, version uuid, at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (SELECT s.currency FROM subscriptions s
     WHERE s.org_id = org AND s.started_at <= at AND (s.ended_at IS NULL OR s.ended_at > at)
     ORDER BY s.started_at DESC LIMIT 1),
    (SELECT o.currency FROM accounts_orgs o WHERE o.id = org),
    (SELECT p.currency FROM catalog_prices p WHERE p.plan_version_id = version
     ORDER BY (p.currency = 'USD') DESC, p.currency LIMIT 1),
    'USD');
