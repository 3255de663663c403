"""The embedded PostgreSQL of `make run`, `make test` and `make bench`: a real server from a wheel, kept in a folder."""
