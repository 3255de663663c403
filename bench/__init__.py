"""Benchmarks, as ratios measured in one run on one machine: `python -m bench` runs every row, `python -m bench G1` one.

The baselines are in `bench/reference/`; they are written once and never tuned. Authentication, validation and durable
commits are always on.
"""
