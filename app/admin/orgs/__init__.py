"""Staff find organisations, and see what they need of one: notes, timeline. Acts on an org are in `org_pages`."""
