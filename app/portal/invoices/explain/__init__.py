"""Explains a line: its formula, the steps to its amount, its tiers as bars, and the events behind it."""
