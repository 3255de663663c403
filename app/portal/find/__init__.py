"""Find a page, a plan or an invoice by a few words: Ctrl-K, or a page of its own."""
