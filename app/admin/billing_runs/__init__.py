"""Staff read what billing runs have closed, what it came to, and what failed."""
