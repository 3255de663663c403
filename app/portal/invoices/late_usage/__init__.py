"""Late usage: what was recorded or voided of closed periods, and how it was billed; page, file and API."""
