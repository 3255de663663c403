"""Changes of plan: which plan ranks higher, when a change takes effect, what it costs. Pure, but for `plans`."""
