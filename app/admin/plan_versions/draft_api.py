"""Staff API of drafts: check one, with its blast radius, and publish it."""

from __future__ import annotations

from app.admin.actors import actor_for
from app.admin.plan_versions import draft_schemas
from app.admin.plan_versions.api import api
from app.admin.plan_versions.draft_schemas import DraftAnswer, DraftRequest, PublishedAnswer, PublishRequest
from app.admin.plan_versions.drafting import CheckedDraft, check_draft, publish
from app.admin.plan_versions.radius_answer import build_radius, list_terms
from app.catalog.drafts import read_draft
from app.catalog.errors import CatalogError
from app.kit.errors import FieldError, InvalidRequest
from app.web.database import session, transaction
from app.web.runtime import business_now

__all__ = ["api"]  # `plan_moves.api` imports the blueprint from here, once these calls are registered

_OTHER_PLAN = "The draft is of another plan."


@api.operation(
    "POST", "/admin/plans", request=DraftRequest, response=DraftAnswer, example=draft_schemas.CHECK,
    answer=draft_schemas.CHECKED,
    summary="Check a draft of a plan",
    description="What publishing it would change, and for whom, on real usage. Writes nothing. Mistakes are listed in"
    " `errors`, with their line and key.",
)  # fmt: skip
def check_plan(request: DraftRequest) -> DraftAnswer:
    """The same as the staff page."""
    try:
        with transaction() as open_session:
            return _build_answer(check_draft(open_session, request.toml, business_now()))
    except CatalogError as refused:
        raise _list_mistakes(refused) from None


@api.operation(
    "POST", "/admin/plans/<key>/publish", request=PublishRequest, response=PublishedAnswer,
    example=draft_schemas.PUBLISH, answer=draft_schemas.PUBLISHED, errors=("conflict",),
    summary="Publish a draft of a plan",
    description="Subscribers stay on their version. Returns 409 if another version was published since the draft was"
    " checked. Repeating the call publishes nothing more.",
)  # fmt: skip
def publish_plan(request: PublishRequest, key: str) -> PublishedAnswer:
    """The same as the staff page."""
    try:
        if read_draft(session(), request.toml).key != key:
            raise InvalidRequest(_OTHER_PLAN, [FieldError("toml", f"must be of the plan {key}")])
        with transaction() as open_session:
            number = publish(
                open_session, request.toml, after=request.newest_version, actor=actor_for(None), now=business_now()
            )
    except CatalogError as refused:
        raise _list_mistakes(refused) from None
    return PublishedAnswer(key, number)


def _list_mistakes(refused: CatalogError) -> InvalidRequest:
    errors = [FieldError("toml", f"line {each.line}, {each.key}: {each.detail}") for each in refused.problems]
    return InvalidRequest("The draft is not valid. Nothing was published.", errors)


def _build_answer(checked: CheckedDraft) -> DraftAnswer:
    draft, change = checked.draft, checked.draft.change
    return DraftAnswer(
        plan=draft.key,
        newest_version=draft.after,
        version=draft.number,
        terms=list_terms(change.facts) if change else [],
        description=list_terms(change.words) if change else [],
        radius=build_radius(checked.radius) if checked.radius else None,
    )
