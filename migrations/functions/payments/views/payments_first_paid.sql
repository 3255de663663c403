-- When each org first paid anything, by currency.
CREATE OR REPLACE VIEW payments_first_paid AS
SELECT org_id, currency, min(settled_at) AS at
FROM billing_records WHERE state IN ('completed', 'refunded') AND amount > 0
GROUP BY org_id, currency;
