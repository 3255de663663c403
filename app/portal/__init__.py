"""Customer pages and API responses, composed from several rooms. Owns no tables."""
