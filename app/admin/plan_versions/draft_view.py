"""What the page of a draft shows once it is checked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.admin.plan_versions.drafting import CheckedDraft
from app.admin.plan_versions.radius_view import RadiusView, build_radius_view
from app.admin.plan_versions.view import Term, build_terms
from app.catalog.drafts import PlanDraft

_SAME = "This is what is published. Nothing would change."
_WORDS_ONLY = (
    "The terms are those of version {after}, so no version is published. Only the description changes, at once."
)
_NEW = "A new plan. Nobody is on it until it is bought or assigned."
_STAY = "Publishing moves nobody: subscribers stay on their version. From then on version {number} is sold."
_FOLLOW = (
    "Organisations without a subscription are on the default plan: their running usage period stays as it is, and the"
    " next begins on version {number}."
)


@dataclass(frozen=True)
class DraftView:
    """A checked draft. `press` is the button's label, None: there is nothing to publish."""

    name: str
    lead: str
    terms: Sequence[Term]
    words: Sequence[Term]
    radius: RadiusView | None
    after: int
    press: str | None


def build_draft_view(checked: CheckedDraft) -> DraftView:
    """Build the page's words about a draft."""
    draft, change = checked.draft, checked.draft.change
    plan = draft.catalog.plans[draft.key]
    return DraftView(
        name=plan.name,
        lead=_lead(draft, default=plan.default),
        terms=build_terms(change.facts) if change else [],
        words=build_terms(change.words) if change else [],
        radius=build_radius_view(checked.radius, draft.number) if checked.radius and draft.number else None,
        after=draft.after,
        press=_press(draft),
    )


def _lead(draft: PlanDraft, *, default: bool) -> str:
    if draft.change is None:
        return _SAME
    if draft.number is None:
        return _WORDS_ONLY.format(after=draft.after)
    if draft.after == 0:
        return _NEW
    return (_FOLLOW if default else _STAY).format(number=draft.number)


def _press(draft: PlanDraft) -> str | None:
    if draft.change is None:
        return None
    return "Save the description" if draft.number is None else f"Publish version {draft.number}"
