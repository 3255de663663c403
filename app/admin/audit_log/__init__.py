"""Staff search an audit chain, open its entries and verify it. Only reads: entries are written by `audit.service`."""
