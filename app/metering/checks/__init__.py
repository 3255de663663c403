"""May it be used, what would it cost, and which plan would allow it. Reserves nothing, writes nothing."""
