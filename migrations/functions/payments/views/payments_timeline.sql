-- What payments adds to an org's timeline: what moved its account at Stripe, payments recorded by staff, payments that
-- failed or are pending, and Stripe's events at Stripe's time: those that were applied to it, also where the event names
-- no customer, as refunds do, and the others of its customers. The columns of `accounts_timeline`; amounts in minor units.
CREATE OR REPLACE VIEW payments_timeline AS
SELECT org_id, at,
       CASE WHEN event IN ('paid', 'paid_outside', 'paid_offline', 'payment_reversed', 'refund', 'refund_outside',
                           'refund_failed', 'balance') THEN 'payment' ELSE 'invoice' END AS kind,
       'payments:' || event || ':' || source AS key, event AS what, NULL::uuid AS actor_id,
       jsonb_build_object('amount', amount, 'currency', currency, 'document', document, 'detail', detail) AS facts
FROM payments_account WHERE amount <> 0 OR event = 'invoice'
UNION ALL
SELECT org_id, coalesce(settled_at, created_at), 'payment', 'payments:record:' || id, 'payment_' || state, NULL,
       jsonb_build_object('amount', amount, 'currency', currency, 'description', description, 'failure', failure)
FROM billing_records WHERE state IN ('pending', 'failed')
UNION ALL
SELECT org_id, created_at, 'stripe', 'stripe:' || id, type, NULL,
       jsonb_build_object('id', id, 'state', state, 'error', error, 'received_at', received_at)
FROM stripe_inbox WHERE org_id IS NOT NULL
UNION ALL
SELECT customer.org_id, event.created_at, 'stripe', 'stripe:' || event.id, event.type, NULL,
       jsonb_build_object('id', event.id, 'state', event.state, 'error', event.error, 'received_at', event.received_at)
FROM stripe_customers customer JOIN stripe_inbox event ON event.customer_id = customer.id AND event.org_id IS NULL;
