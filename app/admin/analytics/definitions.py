"""What each revenue figure means, as pages, files' readers and the API's reference are told. Pure."""

from __future__ import annotations

MRR = (
    "What organisations pay every period for their plans, less the discounts in force, per month, at the last instant"
    " of the month in UTC: a twelfth of a year's price, 52/12 of a week's, 365/12 of a day's. Rounded once for each"
    " organisation. Usage, tax, trials, free plans and pauses are left out. Past due counts until the subscription is"
    " unpaid or cancelled."
)
DEFINITIONS = {
    "mrr": ("MRR", MRR),
    "committed": (
        "Committed MRR",
        (
            "MRR with everything that is planned taken as done: discounts that end are over, planned changes of"
            " plan are made, and cancelled subscriptions are gone."
        ),
    ),
    "payers": ("Paying organisations", "Organisations with MRR at the end of the last month."),
    "arpa": ("ARPA", "Average revenue per account: MRR divided by paying organisations, at the end of the last month."),
    "logo_churn": (
        "Logo churn",
        (
            "Organisations that had MRR when a month began and none when it ended, divided by those that had"
            " some when it began. Over several months: the sum of each month's, so it stays a monthly rate."
        ),
    ),
    "revenue_churn": (
        "Revenue churn",
        (
            "MRR lost in a month by churn and contraction, divided by MRR when it began. Over several months:"
            " the sum of each month's, so it stays a monthly rate."
        ),
    ),
    "nrr": (
        "NRR",
        (
            "Net revenue retention: MRR at the end of the last month from the organisations that had some when"
            " the first began, divided by what they had then. New and returning organisations are left out."
        ),
    ),
    "grr": ("GRR", "Gross revenue retention: as NRR, but nothing counts for more than the organisation paid at first."),
    "quick_ratio": (
        "Quick ratio",
        "MRR gained (new, expansion, reactivation) divided by MRR lost (contraction, churn).",
    ),
    "ltv": ("LTV", "Lifetime value of an account: ARPA divided by logo churn."),
    "trials": ("Trial conversion", "Of the trials that ended, the share whose plan was then paid for."),
    "free_to_paid": (
        "Free to paid",
        (
            "Of the organisations that had never paid and were on no trial when a month began, the share that"
            " had MRR when it ended. All plans and currencies."
        ),
    ),
    "revenue": (
        "Revenue",
        (
            "What was paid of invoice lines in these months, less credit notes and refunds of these months, without"
            " tax, and on the day the money moved: a year paid in advance counts in its month. Credit given by hand"
            " counts against revenue when it is given."
        ),
    ),
    "overage": ("Overage", "The part of revenue that was paid for usage above allowances."),
    "new": ("New", "MRR at the end of a month from organisations that had none at the end of any month before."),
    "expansion": ("Expansion", "MRR that rose during a month, of organisations that had some when it began."),
    "reactivation": (
        "Reactivation",
        "MRR at a month's end of organisations that had some once, but not when it began.",
    ),
    "contraction": ("Contraction", "MRR that fell during a month, of organisations that still have some."),
    "churn": ("Churn", "MRR of organisations that had some when a month began and none when it ended."),
}
LABELS = {key: label for key, (label, _) in DEFINITIONS.items()}
