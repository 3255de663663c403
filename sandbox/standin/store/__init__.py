"""State of the account: objects in one SQLite file, clock, events, schedule, faults."""
