"""What figures are divided by. Written once, after the usual way of doing it; never tuned."""
