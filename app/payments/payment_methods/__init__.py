"""The card: changed on Stripe's page, one for all invoices, and paying what is owed with it."""
