"""Every error code of the API with its status and title: one table for responses, pages and docs."""

from __future__ import annotations

from typing import NamedTuple

_RETRY_LATER = "Nothing was recorded. You can send the same request again later."
_RETRY_IN_VAIN = "Nothing was recorded. The same request will fail again until the cause is fixed."
_RETRY_UNKNOWN = (
    "The request may or may not have been carried out. Send it again with the same `id` or `Idempotency-Key`, and it "
    "will be carried out only once."
)
_RETRY_WORDS = {429: _RETRY_LATER, 503: _RETRY_LATER}


class ProblemType(NamedTuple):
    """The HTTP status and the text for an error code; `advice` says what to do."""

    status: int
    title: str
    advice: str
    maybe_done: bool = False

    @property
    def retry_words(self) -> str:
        """Whether the request took effect, and whether to send it again."""
        return _RETRY_UNKNOWN if self.maybe_done else _RETRY_WORDS.get(self.status, _RETRY_IN_VAIN)


PROBLEMS: dict[str, ProblemType] = {
    "invalid_request": ProblemType(
        400, "The request is not valid", "Correct the fields named in `errors` and send it again."
    ),
    "invalid_key": ProblemType(
        401,
        "The API key is not valid",
        "Send `Authorization: Bearer tk_…` with a key that is neither revoked nor expired.",
    ),
    "sign_in_required": ProblemType(401, "Please sign in", "Sign in and try again."),
    "payment_required": ProblemType(402, "A payment is due first", "Pay the amount due on the billing page."),
    "payment_refused": ProblemType(402, "The payment was declined", "Use another card, or ask your bank."),
    "insufficient_credits": ProblemType(402, "Not enough credits", "Buy credits, or wait for the next grant."),
    "spend_cap_reached": ProblemType(402, "Your spend cap is reached", "Raise the cap, or wait for the next period."),
    "scope_missing": ProblemType(403, "The key lacks a scope", "Use a key with the scope named in `detail`."),
    "not_allowed": ProblemType(403, "You are not allowed to do this", "Ask an owner or admin of your organisation."),
    "feature_not_in_plan": ProblemType(403, "Not included in your plan", "Choose a plan that includes it."),
    "format_not_allowed": ProblemType(
        403, "This format is not included in your plan", "Choose a plan that includes it."
    ),
    "org_suspended": ProblemType(
        403, "The organisation is suspended", "Contact support. Invoices and exports stay available."
    ),
    "csrf": ProblemType(
        403, "The form has expired", "Go back, reload the page and send the form again. What you typed was not saved."
    ),
    "viewing": ProblemType(403, "A customer's pages can only be read", "Stop viewing to return to the staff pages."),
    "not_found": ProblemType(404, "Not found", "Check the address. Other organisations' data is not shown."),
    "method_not_allowed": ProblemType(405, "Method not allowed", "See the `Allow` header."),
    "not_acceptable": ProblemType(406, "No such representation", "Request application/json."),
    "conflict": ProblemType(409, "This conflicts with the current state", "Read the current state and try again."),
    "id_conflict": ProblemType(
        409, "The id is already used for other content", "Send a new id, or exactly the same content."
    ),
    "idempotency_conflict": ProblemType(
        409, "The Idempotency-Key was used for another request", "Use a new key for a new request."
    ),
    "period_open": ProblemType(
        409,
        "The usage period is still open",
        "Void it once the period is closed: until then a maximum, or a count of distinct values, cannot go down.",
    ),
    "void_too_old": ProblemType(409, "The usage is too old to be voided", "Usage can be voided for 400 days."),
    "job_state": ProblemType(409, "The job is in another state", "Read the job's state and try again."),
    "quote_expired": ProblemType(409, "The quote has expired", "Request a new preview."),
    "plan_change_pending": ProblemType(409, "A plan change is already pending", "Wait for it, or undo it."),
    "body_too_large": ProblemType(413, "The body is too large", "Send at most 8 MiB, unpacked; split the batch."),
    "file_too_large": ProblemType(
        413, "The file is larger than the plan allows", "Send a smaller file, or choose a larger plan."
    ),
    "unsupported_media_type": ProblemType(415, "The body is not JSON", "Send `Content-Type: application/json`."),
    "unsupported_encoding": ProblemType(
        415, "The body's encoding is not supported", "Send the body as it is, or with `Content-Encoding: gzip`."
    ),
    "unknown_meter": ProblemType(422, "No such meter", "Use a meter from the catalogue."),
    "unknown_client": ProblemType(
        422, "No such client", "Create the client first, or let events make clients in the organisation's settings."
    ),
    "client_deleted": ProblemType(
        422,
        "The client was deleted",
        "Omit the client, or create it again. Earlier events are accepted.",
    ),
    "event_too_old": ProblemType(422, "The event is too old", "Events are accepted up to 35 days back."),
    "event_in_future": ProblemType(
        422, "The event is in the future", "Events are accepted up to 5 minutes ahead; check your clock."
    ),
    "bad_quantity": ProblemType(
        422, "The quantity is not valid", "Send a decimal below 10^15 with at most 6 places, no exponent, not negative."
    ),
    "invalid_event": ProblemType(422, "The event is not valid", "Correct the field named in `detail`."),
    "quota_exceeded": ProblemType(429, "A limit is reached", "Wait until `resets_at`, or upgrade at `upgrade_url`."),
    "too_many_jobs": ProblemType(429, "Too many jobs at once", "Wait for one to finish."),
    "rate_limited": ProblemType(429, "Too many requests", "Wait the number of seconds in `Retry-After`."),
    "too_many_attempts": ProblemType(429, "Too many attempts", "Wait a few minutes and try again."),
    "internal": ProblemType(
        500,
        "Something went wrong on our side",
        "Nothing is lost. Try again; if it persists, give support the request id.",
        maybe_done=True,
    ),
    "payments_off": ProblemType(503, "Payments are not switched on", "Ask the Tollkeeper team to change your plan."),
    "unavailable": ProblemType(503, "Tollkeeper cannot do this right now", "It is safe to try again in a few seconds."),
    "busy": ProblemType(503, "Tollkeeper is busy", "It is safe to try again in a few seconds."),
    "outcome_unknown": ProblemType(
        503,
        "We cannot tell whether this was done",
        "An API call can be sent again with the same id or Idempotency-Key: it counts once.",
        maybe_done=True,
    ),
}

CODES_BY_STATUS = {
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
RETRY_SECONDS = {"unavailable": 2, "busy": 1, "outcome_unknown": 2, "too_many_attempts": 60}


def get_problem_type(code: str) -> ProblemType:
    """Get the row of a code; an unknown code is our own fault and counts as `internal`."""
    return PROBLEMS.get(code, PROBLEMS["internal"])


def code_for_status(status: int) -> str:
    """The code for an HTTP status that no domain error caused."""
    return CODES_BY_STATUS.get(status, "internal" if status >= 500 else "invalid_request")
