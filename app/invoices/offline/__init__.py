"""Our own invoices: issued with a number, then open, paid, void or written off; terms and reminders.

Must not know what is on an invoice, or how a payment is recorded: `billing_runs` issues, `payments` pays.
"""
