-- Billing status of an org: one row, with nulls if it never paid. `amount_remaining` to `confirm_url` sum up what it
-- owes (`payments_owed`); `checkout_*` is its open checkout, if any. `unlisted_price_id` is the price of its
-- subscription if that names none of our plans; `pending_*` is a change of plan that waits for its payment until
-- `pending_expires_at`, and how that failed; `change_asked`: what became of a change is not known yet; `contact_error` is what Stripe refused of its address or tax id.
CREATE OR REPLACE FUNCTION payments_status(org uuid) RETURNS TABLE (
    stripe_id text, customer_id text, card_brand text, card_last4 text, card_exp_month integer, card_exp_year integer,
    grace_ends_at timestamptz, amount_remaining bigint, due_currency text, next_attempt_at timestamptz,
    due_invoices integer, confirm_url text,
    checkout_version_id uuid, checkout_interval text, checkout_currency text,
    unlisted_price_id text, contact_error text,
    pending_version_id uuid, pending_interval text, pending_expires_at timestamptz, pending_amount bigint,
    pending_currency text, pending_url text, pending_failure text, pending_confirm boolean, change_asked boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT running.stripe_id, customer.id, customer.card_brand, customer.card_last4, customer.card_exp_month,
       customer.card_exp_year, dunning.grace_ends_at, due.amount, due.currency, due.next_attempt_at,
       due.invoices, due.confirm_url, checkout.plan_version_id, checkout.interval, checkout.currency,
       unlisted.price_id, customer.contact_error,
       pending.plan_version_id, pending.interval, pending.expires_at, pending.amount, pending.currency, pending.url,
       pending.failure, pending.confirm,
       (SELECT true FROM plan_changes change WHERE change.org_id = org AND change.state = 'asked')
FROM (SELECT payments_open_subscription(org) AS stripe_id) running
LEFT JOIN payments_prices_unknown unlisted ON unlisted.stripe_subscription_id = running.stripe_id
LEFT JOIN stripe_customers customer ON customer.org_id = org AND customer.deleted_at IS NULL
LEFT JOIN dunnings dunning ON dunning.stripe_subscription_id = running.stripe_id AND dunning.ended_at IS NULL
LEFT JOIN LATERAL (
    SELECT sum(owed.amount)::bigint AS amount, min(owed.currency) AS currency,
           min(owed.next_attempt_at) AS next_attempt_at, count(*)::integer AS invoices,
           (array_agg(owed.confirm_url ORDER BY owed.created_at, owed.invoice_id)
              FILTER (WHERE owed.confirm_url IS NOT NULL))[1] AS confirm_url
    FROM payments_owed(org) owed HAVING count(*) > 0) due ON true
LEFT JOIN payments_pending_changes pending ON pending.stripe_subscription_id = running.stripe_id
LEFT JOIN checkouts checkout ON checkout.org_id = org AND checkout.purpose = 'subscription'
     AND checkout.state IN ('opening', 'open')
$$;
