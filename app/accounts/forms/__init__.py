"""The forms of accounts. They parse what pages submit; only declared fields are read."""
