"""Proves the figures of a usage period: counts and rates its events again, and compares what was kept and billed.

Writes nothing. `evidence.py` reads, `compare.py` and `invoices.py` judge, `run.py` does so for one period or many.
"""
