"""Operations: doctor, demo, the sandbox's clock. May import every room; only the factory imports it."""
