"""Stripe's errors: an HTTP status and the JSON body `{"error": {…}}`."""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.stripe.com/error-codes"
REMOVED_PARAM = "payment_method_types"


class StripeError(Exception):
    """An error response. `keep`: changes made before it are committed, as a declined card leaves a failed charge."""

    def __init__(self, status: int, kind: str, message: str, *, keep: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.keep = keep
        self.fields: dict[str, Any] = {"message": message, "type": kind}
        self.fields |= {name: value for name, value in more.items() if value is not None}

    def body(self, request_id: str) -> dict[str, Any]:
        """The response body in Stripe's format."""
        fields = dict(self.fields)
        if "code" in fields:
            fields["doc_url"] = f"{DOCS}/{fields['code'].replace('_', '-')}"
        fields["request_log_url"] = f"https://dashboard.stripe.com/test/workbench/logs?object={request_id}"
        return {"error": fields}


def invalid(message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> StripeError:
    """An invalid request; 400 by default."""
    return StripeError(status, "invalid_request_error", message, code=code, param=param)


def not_found(kind: str, identifier: str, param: str = "id", status: int = 404) -> StripeError:
    """No object with that id; pass 400 if the id was a parameter's value."""
    noun = kind.rpartition(".")[2].replace("_", "")
    return invalid(f"No such {noun}: '{identifier}'", code="resource_missing", param=param, status=status)


def unknown_param(path: str) -> StripeError:
    """400: the API has no such parameter."""
    if path == REMOVED_PARAM:
        message = (
            "The payment_method_types parameter is no longer supported. Use allowed_ or excluded_payment_method_types."
        )
        return invalid(message, code="payment_method_types_no_longer_supported", param=path)
    return invalid(f"Received unknown parameter: {path}", code="parameter_unknown", param=path)


def missing_param(path: str) -> StripeError:
    """400: a required parameter is missing."""
    return invalid(f"Missing required param: {path}.", code="parameter_missing", param=path)
