"""Customer pages and API answers composed from several rooms; owns no tables."""
