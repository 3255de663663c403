"""Imports past usage from files in chunks; safe to interrupt and repeat. Writes only through `recording`."""
