"""Who somebody is: sign-up, sign-in, sessions, passwords, recovery, throttling, the log. Knows no org's affairs."""
