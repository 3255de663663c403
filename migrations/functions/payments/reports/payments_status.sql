-- Where does an org stand with its money? One row, empty where it has never paid. Of two subscriptions at Stripe the one
-- counts that ours follows; of the invoices that are not paid, the oldest; a checkout counts while neither side closed it.
CREATE OR REPLACE FUNCTION payments_status(org uuid) RETURNS TABLE (
    stripe_id text, customer_id text, card_brand text, card_last4 text, card_exp_month integer, card_exp_year integer,
    grace_ends_at timestamptz, amount_remaining bigint, due_currency text, next_attempt_at timestamptz,
    visit_version_id uuid, visit_interval text, visit_currency text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT theirs.id, customer.id, customer.card_brand, customer.card_last4, customer.card_exp_month,
       customer.card_exp_year, dunning.grace_ends_at, due.amount_remaining, due.currency, due.next_attempt_at,
       visit.plan_version_id, visit.interval, visit.currency
FROM (VALUES (org)) asked (id)
LEFT JOIN stripe_customers customer ON customer.org_id = asked.id AND customer.deleted_at IS NULL
LEFT JOIN LATERAL (
    SELECT s.id FROM stripe_subscriptions s
    WHERE s.org_id = asked.id AND s.ended_at IS NULL
      AND s.status NOT IN ('incomplete', 'incomplete_expired', 'canceled')
    ORDER BY s.subscription_id IS NULL, s.created_at, s.id LIMIT 1
) theirs ON true
LEFT JOIN dunnings dunning ON dunning.stripe_subscription_id = theirs.id AND dunning.ended_at IS NULL
LEFT JOIN LATERAL (
    SELECT i.amount_remaining, i.currency, i.next_attempt_at FROM stripe_invoices i
    WHERE i.org_id = asked.id AND i.status = 'open' AND i.amount_remaining > 0 ORDER BY i.created_at, i.id LIMIT 1
) due ON true
LEFT JOIN checkouts visit ON visit.org_id = asked.id AND visit.purpose = 'subscription'
     AND visit.state IN ('opening', 'open')
$$;
