"""What Stripe does by itself: cards are tried, invoices made and collected, subscriptions renewed, events delivered."""
