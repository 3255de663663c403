-- Where does an org stand with its money? One row, empty where it has never paid. A checkout counts while neither Stripe
-- nor we have closed it.
CREATE OR REPLACE FUNCTION payments_status(org uuid) RETURNS TABLE (
    stripe_id text, customer_id text, card_brand text, card_last4 text, card_exp_month integer, card_exp_year integer,
    grace_ends_at timestamptz, amount_remaining bigint, due_currency text, next_attempt_at timestamptz,
    visit_version_id uuid, visit_interval text, visit_currency text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT asked.stripe_id, customer.id, customer.card_brand, customer.card_last4, customer.card_exp_month,
       customer.card_exp_year, dunning.grace_ends_at, due.amount_remaining, due.currency, due.next_attempt_at,
       visit.plan_version_id, visit.interval, visit.currency
FROM (SELECT payments_open_subscription(org) AS stripe_id) asked
LEFT JOIN stripe_customers customer ON customer.org_id = org AND customer.deleted_at IS NULL
LEFT JOIN dunnings dunning ON dunning.stripe_subscription_id = asked.stripe_id AND dunning.ended_at IS NULL
LEFT JOIN stripe_invoices due ON due.id = payments_owed(org)
LEFT JOIN checkouts visit ON visit.org_id = org AND visit.purpose = 'subscription' AND visit.state IN ('opening', 'open')
$$;
