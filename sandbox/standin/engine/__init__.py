"""What Stripe does by itself: charges cards, creates and collects invoices, renews subscriptions, delivers events.

`subscription_status` stands below the packages: invoices and saved cards lean on it.
"""
