-- Addresses that invoices of an org are copied to, a row each.
CREATE OR REPLACE VIEW accounts_billing_emails AS
SELECT id AS org_id, unnest(billing_emails) AS email FROM orgs;
