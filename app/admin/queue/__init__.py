"""Staff look at the queue of background tasks and retry one that failed."""
