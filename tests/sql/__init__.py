"""Every SQL function by itself: what goes in, what comes out, in a transaction that is taken back."""
