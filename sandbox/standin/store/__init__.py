"""The account's state: objects in a SQLite file, clock, events, schedule, faults."""
