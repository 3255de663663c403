"""Notifies an org's members of events. Knows whom to notify, and nothing about how an event came about."""
