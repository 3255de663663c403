"""Recomputes counters and roll-ups from the events, reports differences and repairs them. Never changes events."""
