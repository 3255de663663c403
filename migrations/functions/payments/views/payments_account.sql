-- All that moved an org's account but our own invoices, which are in `invoices_account`.
CREATE OR REPLACE VIEW payments_account AS
SELECT * FROM payments_account_invoices
UNION ALL SELECT * FROM payments_account_receipts
UNION ALL SELECT * FROM payments_account_credits
UNION ALL SELECT * FROM payments_account_balance
UNION ALL SELECT * FROM payments_account_offline
UNION ALL SELECT * FROM payments_account_reversals;
