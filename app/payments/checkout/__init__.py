"""From the button to the plan: one open checkout an org, its session at Stripe, and fulfilment. Knows no page."""
