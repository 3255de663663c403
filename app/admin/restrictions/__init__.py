"""Staff suspend the restriction of an organisation that owes a payment."""
