"""Home and dashboard: bars, cost, prompts, first steps, latest events. Knows no other package of pages."""
