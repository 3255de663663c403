"""The forms of accounts: what arrives from a page is parsed here, and only the fields declared here are read."""
