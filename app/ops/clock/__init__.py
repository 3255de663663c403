"""Moves the sandbox's clock from due instant to due instant. Knows no page and no command."""
