"""Usage by day and month, folded forward from the events, and the staff's reports. Never writes an event."""
