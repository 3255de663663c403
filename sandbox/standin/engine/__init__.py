"""What Stripe does on its own: charges cards, makes and collects invoices, renews subscriptions, delivers events."""
