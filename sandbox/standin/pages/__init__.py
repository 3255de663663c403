"""Pages for a browser: hosted checkout, invoice and customer portal, and the control page `/sandbox`."""
