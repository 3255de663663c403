"""Pages for a browser: hosted checkout, invoice, customer portal, and the control page `/sandbox`."""
