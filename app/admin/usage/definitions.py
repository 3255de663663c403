"""What each figure of usage means, as pages tell it. Pure."""

from __future__ import annotations

DEFINITIONS = {
    "total": (
        "Total",
        (
            "Everything that counts in these days, of all organisations: billable and imported usage, less what was"
            " voided. Late events count on the day they happened, and retries that are never billed do not count."
        ),
    ),
    "peak": (
        "Highest",
        "The largest value of any organisation in these days. Maxima do not add up.",
    ),
    "distinct": (
        "Distinct values",
        (
            "Distinct values counted by organisation and day, and added up: one that is used on two days counts twice."
            " As of the latest roll-up."
        ),
    ),
    "events": ("Events", "The events that count. A void is an event of its own, which takes its quantity back."),
    "per_day": ("Per day", "The total divided by the days, the running one included."),
    "per_org": (
        "Per active organisation",
        "The total divided by the organisations with any usage in these days, of whatever meter.",
    ),
    "orgs": (
        "Active organisations",
        "Organisations with any usage in these days, of whatever meter. As of the latest roll-up, in their own zones.",
    ),
    "users": (
        "Active users",
        (
            "Users named by the events of these days, each counted once in its organisation. As of the latest roll-up."
        ),
    ),
    "error_rate": ("Error rate", "The share of answers with a status from 400 on. Events without one are left out."),
    "p95": (
        "p50 and p95",
        (
            "At least half, or 95 %, of the events took no longer. A value is the bound of its bucket: it is never"
            " below the true one, and up to 1.7 times as high."
        ),
    ),
}  # fmt: skip
