"""Plan, card, invoices, buying and cancelling, as pages. `payments` acts; knows no other package of pages."""
