"""Exceptions that staff agree with one org: what may be overridden, from when until when, and how they are given."""
