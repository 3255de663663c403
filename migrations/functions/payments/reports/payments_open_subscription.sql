-- The id of the org's running Stripe subscription; of two, the one linked to ours.
CREATE OR REPLACE FUNCTION payments_open_subscription(org uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT s.id FROM stripe_subscriptions s
        WHERE s.org_id = org AND s.ended_at IS NULL
          AND s.status NOT IN ('incomplete', 'incomplete_expired', 'canceled')
        ORDER BY s.subscription_id IS NULL, s.created_at, s.id LIMIT 1);
