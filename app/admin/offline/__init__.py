"""Staff see our own invoices, record their payments, void them and write them off."""
