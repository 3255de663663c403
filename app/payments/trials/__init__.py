"""Trials: who may have one, what becomes of one that may not, and the email before the end. Must not know any page."""
