"""Mirrors of Stripe's objects: one sync per object type, which also moves our subscription, billing record, dunning."""
