"""What is used, what it costs, where it is going: one computation for pages, API, CSV, mail and staff. Owns no tables;
knows no page, no Stripe, no payment.
"""
