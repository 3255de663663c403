"""A failed renewal: reminders, the grace, the restriction, and the end of all three. Asks Stripe nothing."""
