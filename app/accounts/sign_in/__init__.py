"""Authentication: sign-up, sign-in, sessions, passwords, recovery, throttling, the log."""
