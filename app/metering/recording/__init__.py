"""One event or a batch into the books: fingerprint, one call, refusals. Knows no page and no price."""
