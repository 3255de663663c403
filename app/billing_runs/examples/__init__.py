"""Worked cases of late usage: the tests run them through the close, and the documentation shows them."""
