"""Records single events and batches: fingerprints, one SQL call, refusals. Must not know pages or prices."""
