"""Recurring charges: what each organisation pays every period, and what it paid at any instant of the past."""
