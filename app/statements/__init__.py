"""Usage statements: current figures, costs, projections, history and plan comparison. Computed here once for pages,
API, CSV, mail and staff. Owns no tables; must not know about pages, Stripe or payments.
"""
