-- Whom bills of an org are made out and sent to: its name on invoices, address and tax id, the email address of its first
-- billing member, else of its first owner, the addresses in copy, and the order number and note that invoices repeat.
-- `digest` changes whenever what Stripe is told of it does.
CREATE OR REPLACE VIEW accounts_billing_contacts AS
SELECT org.id AS org_id, coalesce(org.legal_name, org.name) AS name, person.email, org.address, org.tax_id,
       md5(jsonb_build_array(coalesce(org.legal_name, org.name), person.email, org.address, org.tax_id,
                             org.order_number, org.invoice_note)::text) AS digest,
       org.billing_emails, org.order_number, org.invoice_note
FROM orgs org
LEFT JOIN LATERAL (
    SELECT member.email FROM memberships membership JOIN users member ON member.id = membership.user_id
    WHERE membership.org_id = org.id AND membership.role IN ('billing', 'owner')
      AND member.disabled_at IS NULL AND member.deleted_at IS NULL
    ORDER BY membership.role, membership.created_at, member.id LIMIT 1) person ON true
WHERE org.deleted_at IS NULL;
