"""Changes of a plan that is paid through Stripe: signed quotes, their confirmation, and what became of it.

When a change takes effect is `subscriptions.changes`' rule. Knows no usage: what it owes is `statements`'.
"""
