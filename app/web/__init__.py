"""Flask plumbing: rendering, HTMX, errors, paging, CSRF, JSON problems, OpenAPI. Knows nothing of the product."""
