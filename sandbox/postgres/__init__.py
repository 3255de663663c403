"""The embedded PostgreSQL for `make run`, `make test` and `make bench`: a real server installed from a wheel."""
