"""Roll-ups of usage by day and month, folded from the events, and reports for staff. Never writes events."""
