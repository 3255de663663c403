"""Payment and setup intents, payment methods, charges, refunds, disputes."""
