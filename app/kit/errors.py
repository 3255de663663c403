"""Domain errors: few, typed, independent of HTTP. `web.errors` maps their codes to responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One invalid field: its position and what was expected; never a secret that was sent."""

    field: str
    detail: str


class DomainError(Exception):
    """A refusal: a stable `code` (see the table in docs/api.md), a message for people, and facts for programs."""

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.facts = facts


class InvalidRequest(DomainError):
    """The input is invalid; `errors` names every invalid field."""

    code = "invalid_request"

    def __init__(self, detail: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.errors = errors or []


class NotFound(DomainError):
    """No such object for this caller; also raised for objects of another org."""

    code = "not_found"


class NotAllowed(DomainError):
    """The caller is known but not allowed to do this (`scope_missing`, `feature_not_in_plan`, `org_suspended`, ...)."""

    code = "not_allowed"


class RightLost(DomainError):
    """The caller was let in, and had lost the right when the act was about to happen: nothing was done."""

    code = "not_allowed"


class Conflict(DomainError):
    """The action conflicts with the current state (`id_conflict`, `job_state`, ...)."""

    code = "conflict"


class Refused(DomainError):
    """A limit or a metering rule refused the request (`quota_exceeded`, `unknown_meter`, ...); nothing was written."""

    code = "refused"


class Unavailable(DomainError):
    """It cannot be done now, and is safe to repeat. Unless a subclass says otherwise, a dependency is away."""

    code = "unavailable"


class Busy(Unavailable):
    """Others hold what it needs, or it took too long: nothing was done, and soon it may be possible."""

    code = "busy"


class OutcomeUnknown(Unavailable):
    """The answer was lost: it may have been done. With the same id it is done only once."""

    code = "outcome_unknown"
