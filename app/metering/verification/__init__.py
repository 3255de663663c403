"""Recomputes from the events what is kept of them, names what differs and repairs it. Never touches an event."""
