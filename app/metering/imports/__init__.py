"""Past usage out of files, in chunks, safe to stop and repeat. Writes through `recording` only."""
