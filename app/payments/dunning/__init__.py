"""Dunning after a failed renewal: reminders, the grace period, the restriction and recovery. Never calls Stripe."""
