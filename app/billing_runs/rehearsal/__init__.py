"""Rehearses the close of running periods each night: the very close, in a transaction that is rolled back.

Staff see what tomorrow's invoices would say, customers what their period would come to. Writes its own table alone.
"""
