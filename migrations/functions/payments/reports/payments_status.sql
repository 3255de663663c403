-- Billing status of an org: one row, with nulls if it never paid. `checkout_*` is its open checkout, if any.
-- `unlisted_price_id` is the price of its subscription if that names none of our plans.
CREATE OR REPLACE FUNCTION payments_status(org uuid) RETURNS TABLE (
    stripe_id text, customer_id text, card_brand text, card_last4 text, card_exp_month integer, card_exp_year integer,
    grace_ends_at timestamptz, amount_remaining bigint, due_currency text, next_attempt_at timestamptz,
    checkout_version_id uuid, checkout_interval text, checkout_currency text,
    unlisted_price_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT running.stripe_id, customer.id, customer.card_brand, customer.card_last4, customer.card_exp_month,
       customer.card_exp_year, dunning.grace_ends_at, due.amount_remaining, due.currency, due.next_attempt_at,
       checkout.plan_version_id, checkout.interval, checkout.currency,
       unlisted.price_id
FROM (SELECT payments_open_subscription(org) AS stripe_id) running
LEFT JOIN payments_prices_unknown unlisted ON unlisted.stripe_subscription_id = running.stripe_id
LEFT JOIN stripe_customers customer ON customer.org_id = org AND customer.deleted_at IS NULL
LEFT JOIN dunnings dunning ON dunning.stripe_subscription_id = running.stripe_id AND dunning.ended_at IS NULL
LEFT JOIN stripe_invoices due ON due.id = payments_unpaid_invoice(org)
LEFT JOIN checkouts checkout ON checkout.org_id = org AND checkout.purpose = 'subscription'
     AND checkout.state IN ('opening', 'open')
$$;
