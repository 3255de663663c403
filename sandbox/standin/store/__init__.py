"""The account: its objects in one SQLite file, its clock, its events, what is scheduled, and the faults to play."""
