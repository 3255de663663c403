"""The card: changing it on Stripe's page, keeping one for all invoices, and paying what is owed with it."""
