"""What ten million events cost: `python -m bench.scale` fills twelve months of ten thousand orgs and measures."""
