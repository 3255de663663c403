"""What the tests of every room stand on: databases, tiers, the order of a run and its seconds."""
