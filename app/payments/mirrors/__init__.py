"""Mirrors of Stripe's objects: one sync per object type, from what was just retrieved. Makes no decisions."""
