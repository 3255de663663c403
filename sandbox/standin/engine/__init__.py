"""What Stripe does by itself: charges cards, creates and collects invoices, renews subscriptions, delivers events."""
