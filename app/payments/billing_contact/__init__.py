"""Keeps a paying organisation's billing details equal at Stripe. Must not know any page."""
