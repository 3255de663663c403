"""How long a page and a host's call may take while Stripe does not answer, and how often the host calls."""

from __future__ import annotations

PAGE_SECONDS, HOST_SECONDS = 6.0, 2.0
PAUSE_SECONDS = 0.15  # two calls of the API each time: within six seconds fewer than the 120 a minute that the plan has
