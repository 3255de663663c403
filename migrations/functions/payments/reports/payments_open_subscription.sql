-- The id of the org's running Stripe subscription; of two, the one linked to ours.
CREATE OR REPLACE FUNCTION payments_open_subscription(org uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT running.id FROM payments_running_subscriptions running WHERE running.org_id = org AND running.place = 1);
