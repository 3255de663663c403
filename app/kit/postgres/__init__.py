"""Talking to PostgreSQL: connections whose waits end, the hot pool and its statements, COPY, arrays and rights."""
