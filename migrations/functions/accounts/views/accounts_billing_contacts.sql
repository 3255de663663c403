-- Whom bills of an org are made out and sent to: its name, address and tax id, and the email address of its first billing
-- member, else of its first owner. `digest` changes whenever any of it does.
CREATE OR REPLACE VIEW accounts_billing_contacts AS
SELECT org.id AS org_id, org.name, person.email, org.address, org.tax_id,
       md5(jsonb_build_array(org.name, person.email, org.address, org.tax_id)::text) AS digest
FROM orgs org
LEFT JOIN LATERAL (
    SELECT member.email FROM memberships membership JOIN users member ON member.id = membership.user_id
    WHERE membership.org_id = org.id AND membership.role IN ('billing', 'owner')
      AND member.disabled_at IS NULL AND member.deleted_at IS NULL
    ORDER BY membership.role, membership.created_at, member.id LIMIT 1) person ON true
WHERE org.deleted_at IS NULL;
