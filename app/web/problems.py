"""Every error code of the API: its status and its title. The one table behind answers, pages and docs."""

from __future__ import annotations

from typing import NamedTuple


class ProblemType(NamedTuple):
    """What a code means to HTTP and to a person; `advice` says what to do."""

    status: int
    title: str
    advice: str


PROBLEMS: dict[str, ProblemType] = {
    "invalid_request": ProblemType(
        400, "The request cannot be understood", "Mend the fields named in `errors` and send it again."
    ),
    "invalid_key": ProblemType(
        401,
        "The API key is not valid",
        "Send `Authorization: Bearer tk_…` with a key that is neither revoked nor expired.",
    ),
    "sign_in_required": ProblemType(401, "Please sign in", "Sign in and try again."),
    "payment_required": ProblemType(402, "A payment is needed first", "Pay what is due on the billing page."),
    "payment_refused": ProblemType(402, "The payment was declined", "Use another card, or ask your bank."),
    "insufficient_credits": ProblemType(402, "Not enough credits", "Buy credits, or wait for the next grant."),
    "spend_cap_reached": ProblemType(402, "Your spend cap is reached", "Raise the cap, or wait for the next period."),
    "scope_missing": ProblemType(403, "The key lacks a scope", "Use a key that has the scope named in `detail`."),
    "not_allowed": ProblemType(403, "You may not do this", "Ask an owner or an admin of your organisation."),
    "feature_not_in_plan": ProblemType(403, "Not part of your plan", "Choose a plan that has it."),
    "format_not_allowed": ProblemType(403, "This format is not part of your plan", "Choose a plan that has it."),
    "org_suspended": ProblemType(
        403, "The organisation is suspended", "Write to support; invoices and exports stay open."
    ),
    "csrf": ProblemType(
        403, "The form has expired", "Go back, reload the page and send the form again. What you typed was not saved."
    ),
    "not_found": ProblemType(404, "Not found", "Check the address. What belongs to another organisation is not shown."),
    "method_not_allowed": ProblemType(405, "This address does not take that method", "See the `Allow` header."),
    "not_acceptable": ProblemType(406, "No such representation", "Ask for application/json."),
    "conflict": ProblemType(409, "This does not fit the present state", "Read the present state and decide again."),
    "id_conflict": ProblemType(
        409, "The id is already used for other content", "Send a new id, or the very same content."
    ),
    "idempotency_conflict": ProblemType(
        409, "The Idempotency-Key was used for another request", "Use a new key for a new request."
    ),
    "job_state": ProblemType(409, "The job is in another state", "Read the job and decide again."),
    "quote_expired": ProblemType(409, "The quote has expired", "Ask for a new preview."),
    "plan_change_pending": ProblemType(409, "A plan change is already under way", "Wait for it, or undo it."),
    "body_too_large": ProblemType(413, "The body is too large", "Send at most 8 MiB; split the batch."),
    "file_too_large": ProblemType(
        413, "The file is larger than the plan allows", "Send a smaller file, or choose a larger plan."
    ),
    "unsupported_media_type": ProblemType(415, "The body is not JSON", "Send `Content-Type: application/json`."),
    "unknown_meter": ProblemType(422, "No such meter", "Use a meter of the catalogue."),
    "unknown_client": ProblemType(422, "No such client", "Create the client first, or leave it out."),
    "event_too_old": ProblemType(422, "The event is too old", "Events are taken up to 35 days back."),
    "event_in_future": ProblemType(
        422, "The event lies in the future", "Events are taken up to 5 minutes ahead; check the clock."
    ),
    "bad_quantity": ProblemType(
        422, "The quantity is not valid", "Send a decimal below 10^15 with at most 6 places, no exponent, not negative."
    ),
    "invalid_event": ProblemType(422, "The event is not valid", "Mend the field named in `detail`."),
    "quota_exceeded": ProblemType(429, "A limit is reached", "Wait until `resets_at`, or upgrade at `upgrade_url`."),
    "too_many_jobs": ProblemType(429, "Too many jobs at once", "Wait for one to end."),
    "rate_limited": ProblemType(429, "Too many requests", "Wait for the seconds in `Retry-After`."),
    "too_many_attempts": ProblemType(429, "Too many attempts", "Wait a few minutes and try again."),
    "internal": ProblemType(
        500, "Something broke on our side", "Nothing is lost. Try again; tell support the request id if it stays."
    ),
    "payments_off": ProblemType(503, "Payments are not switched on", "Ask your Tollkeeper team to change the plan."),
    "unavailable": ProblemType(
        503, "Tollkeeper cannot do this right now", "Nothing was done; it is safe to repeat in a few seconds."
    ),
}

PLAIN = {
    400: "invalid_request",
    401: "sign_in_required",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    503: "unavailable",
}
RETRY_SECONDS = {"unavailable": 2, "too_many_attempts": 60}


def problem_of(code: str) -> ProblemType:
    """The row of a code; an unknown one is our fault and reads as `internal`."""
    return PROBLEMS.get(code, PROBLEMS["internal"])


def code_of_status(status: int) -> str:
    """The plain code of an HTTP status that no domain error raised."""
    return PLAIN.get(status, "internal" if status >= 500 else "invalid_request")
