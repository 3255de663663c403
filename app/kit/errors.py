"""Domain errors: few, typed, and ignorant of HTTP. `web.errors` maps their codes to answers, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One wrong field of an input: where it stood, what was expected, and (never) a secret that was sent."""

    field: str
    detail: str


class DomainError(Exception):
    """A refusal with a stable `code` (see the table in docs/api.md), words for a person, and facts for a program."""

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.facts = facts


class InvalidRequest(DomainError):
    """The input cannot be understood; `errors` names every wrong field."""

    code = "invalid_request"

    def __init__(self, detail: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.errors = errors or []


class NotFound(DomainError):
    """No such thing for this caller; also said of what belongs to another org."""

    code = "not_found"


class NotAllowed(DomainError):
    """The caller is known, but may not do this (`scope_missing`, `feature_not_in_plan`, `org_suspended`, ...)."""

    code = "not_allowed"


class Conflict(DomainError):
    """The act does not fit the present state (`id_conflict`, `job_state`, ...)."""

    code = "conflict"


class Refused(DomainError):
    """A limit or a rule of metering refuses (`quota_exceeded`, `unknown_meter`, ...); nothing was written."""

    code = "refused"


class Unavailable(DomainError):
    """Something we need is away; nothing was done and the call is safe to repeat."""

    code = "unavailable"
