"""Worked cases of rating, which the tests run and the documentation shows."""
