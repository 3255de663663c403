-- What each org is charged on a recurring basis, in [starts_at, ends_at): what was noted last about an instant holds
-- then. Rows whose whole time was noted anew are left out.
CREATE OR REPLACE VIEW subscriptions_recurring AS
SELECT org_id, id, subscription_id, plan_version_id, state, collection, currency, fees, discounts, paused,
       trial_ends_at, cancel_at, starts_at, ends_at
FROM (
    SELECT charge.*, min(charge.starts_at) OVER (PARTITION BY charge.org_id ORDER BY charge.id
                                                 ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS ends_at
    FROM recurring_charges charge
) noted
WHERE ends_at IS NULL OR ends_at > starts_at;
