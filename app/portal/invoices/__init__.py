"""What closed usage periods came to: a page and a file of their lines, the API of usage invoices, each line explained.

Shows what the close wrote and computes nothing anew. Must not close, bill or call Stripe.
"""
