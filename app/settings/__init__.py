"""Settings: read from the environment once, checked at start."""

from app.settings.model import PROJECT, STRIPE, Settings
from app.settings.reading import SettingsError, parse_settings, read_settings

__all__ = ["PROJECT", "STRIPE", "Settings", "SettingsError", "parse_settings", "read_settings"]
