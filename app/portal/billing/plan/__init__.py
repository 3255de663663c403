"""Buying, changing and cancelling a plan: the pages and what they show. Knows nothing of payments made before."""
