-- An org's customer, its running or else latest subscription, those beside it, and its newest `p_limit` billing records and
-- events, as JSON for display only.
CREATE OR REPLACE FUNCTION payments_at_stripe(org uuid, p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT jsonb_build_object(
    'customer', (SELECT to_jsonb(c) FROM stripe_customers c WHERE c.org_id = org
                 ORDER BY c.deleted_at DESC NULLS FIRST, c.created_at DESC LIMIT 1),
    'subscription', (SELECT to_jsonb(s) FROM stripe_subscriptions s WHERE s.org_id = org
                     ORDER BY coalesce(s.id = payments_open_subscription(org), false) DESC, s.created_at DESC LIMIT 1),
    'seconds', (SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('plan', version.plan_name) ORDER BY s.id)
                FROM payments_second_subscriptions s
                JOIN catalog_versions version ON version.id = s.plan_version_id WHERE s.org_id = org),
    'records', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.created_at DESC, r.id DESC) FROM (
        SELECT * FROM billing_records b WHERE b.org_id = org ORDER BY b.created_at DESC, b.id DESC LIMIT p_limit) r),
    'events', (SELECT jsonb_agg(to_jsonb(e) ORDER BY e.received_at DESC, e.id DESC) FROM (
        SELECT event.id, event.type, event.state, event.error, event.received_at
        FROM stripe_customers c CROSS JOIN LATERAL (
            SELECT * FROM stripe_inbox i WHERE i.customer_id = c.id ORDER BY i.received_at DESC LIMIT p_limit) event
        WHERE c.org_id = org ORDER BY event.received_at DESC, event.id DESC LIMIT p_limit) e))
$$;
