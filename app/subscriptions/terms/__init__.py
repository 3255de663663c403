"""Terms in force: what a plan, overrides, a restriction and collection make of each limit. Imports no other package."""
