"""Revenue figures for staff: recurring revenue and its movements, ratios, cohorts, money received.

`mrr`, `movements`, `ratios`, `cohorts` and `revenue` are pure; `history` and `report` read and put together. Knows the
rooms below by their views and nothing of pages.
"""
