"""Stripe's errors: an HTTP status and the JSON body `{"error": {…}}`."""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.stripe.com/error-codes"
GONE = "payment_method_types"


class StripeError(Exception):
    """An answer other than 200. `keep`: what the handler changed before stays, as a refused card leaves its traces."""

    def __init__(self, status: int, kind: str, message: str, *, keep: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.keep = keep
        self.fields: dict[str, Any] = {"message": message, "type": kind}
        self.fields |= {name: value for name, value in more.items() if value is not None}

    def body(self, request_id: str) -> dict[str, Any]:
        """What Stripe would answer."""
        fields = dict(self.fields)
        if "code" in fields:
            fields["doc_url"] = f"{DOCS}/{fields['code'].replace('_', '-')}"
        fields["request_log_url"] = f"https://dashboard.stripe.com/test/workbench/logs?object={request_id}"
        return {"error": fields}


def invalid(message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> StripeError:
    """400 by default: the caller's mistake."""
    return StripeError(status, "invalid_request_error", message, code=code, param=param)


def not_found(kind: str, identifier: str, param: str = "id", status: int = 404) -> StripeError:
    """No object of that id; 400 where the id was a parameter's value."""
    words = kind.rpartition(".")[2].replace("_", "")
    return invalid(f"No such {words}: '{identifier}'", code="resource_missing", param=param, status=status)


def unknown_param(path: str) -> StripeError:
    """400: the API has no parameter of that name."""
    if path == GONE:
        words = (
            "The payment_method_types parameter is no longer supported. Use allowed_ or excluded_payment_method_types."
        )
        return invalid(words, code="payment_method_types_no_longer_supported", param=path)
    return invalid(f"Received unknown parameter: {path}", code="parameter_unknown", param=path)


def missing_param(path: str) -> StripeError:
    """400: a required parameter is missing."""
    return invalid(f"Missing required param: {path}.", code="parameter_missing", param=path)
