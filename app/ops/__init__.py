"""Operations: doctor, demo, the sandbox's clock. May import every room; only factory, worker and cli import it."""
