"""Staff's moves of organisations to another version or plan: when each takes effect, planned one by one, taken back."""
