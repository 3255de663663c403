"""Home page and dashboard: bars, cost, prompts, first steps, latest events. Imports no other page package."""
