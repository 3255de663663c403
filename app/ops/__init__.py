"""For who runs the installation: doctor, demo, the sandbox's clock. Looks at every room; only the factory knows it."""
