"""Find for staff: organisations, plans, our invoices, pages."""
