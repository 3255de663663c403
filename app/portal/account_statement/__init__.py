"""The statement of account between two days: page, CSV, PDF and API of one computation.

Reads what `payments` and `invoices` say moved an organisation's account. Must not call Stripe or bill anything.
"""
