"""Flask plumbing: rendering, HTMX, errors, paging, CSRF, JSON problems, OpenAPI. Knows no product words."""
