"""How calls reach Stripe: time limits, turns, the circuit breaker and errors. Knows no object of Stripe."""
