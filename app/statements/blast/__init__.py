"""What a plan version would change for the organisations on the plan, on their real usage. Writes nothing."""
