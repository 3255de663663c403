"""Changes of plan: which ranks higher, when a change takes effect, what it costs (pure), and those that are planned."""
