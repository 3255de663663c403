"""Proof of one number: a figure counted again from its events, beside what pages, API, CSV and invoice say.

Composes the portal's other packages, since it shows what they say. The computation is `billing_runs.proof`.
"""
