"""Speed as ratios, taken in one run on one machine: `python -m bench` runs every row, `python -m bench G1` one.

What a figure is divided by stands in `bench/reference/`; it is written once and never tuned. Authentication,
validation and durable commits are on throughout.
"""
