"""Usage over days, as page, CSV and API. Knows no other package of pages."""
