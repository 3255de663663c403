"""Keeps name, address, tax id and billing email of a paying organisation equal at Stripe. Must not know any page."""
