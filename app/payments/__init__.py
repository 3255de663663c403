"""Money through Stripe: checkouts, the webhook door and its inbox, mirrors, billing records, dunning.

It reads Stripe's present state and applies it; it must not know how usage is rated or how a page looks.
"""
