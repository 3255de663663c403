"""The plans beside one another, and one of them. Knows no other package of pages, and takes no money."""
