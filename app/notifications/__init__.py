"""Tells the people of an org what happened to it. It knows whom to write to, and nothing of how the fact came about."""
