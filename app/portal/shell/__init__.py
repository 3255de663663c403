"""Shared by the customer pages: viewer, plan managers, URLs, upgrade hints, banner. Imports no page package."""
