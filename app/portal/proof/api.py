"""API: the proof of a usage period's figures."""

from __future__ import annotations

from app.accounts.guards import acting_org
from app.portal.proof.prove import prove
from app.portal.proof.schemas import PROOF, ProofAnswer, ProofQuery, build_proof_answer
from app.portal.usage.analytics_api import api
from app.web.runtime import business_now

__all__ = ["api"]  # the factory imports the blueprint from here, once all its calls are registered


@api.operation(
    "GET", "/usage/proof", query=ProofQuery, response=ProofAnswer, answer=PROOF,
    summary="Prove the figures of a usage period",
    description="Counts the period's events again, rates them again by the terms that were stored, and shows every"
    " source of the same figure side by side. Events are also compared with what was sent, in periods of up to 20,000"
    " events. `not_found`: no usage period is open at that time. `conflict`: it has more than 200,000 events; an"
    " operator can prove it.",
    errors=("not_found", "conflict"),
)  # fmt: skip
def prove_usage(query: ProofQuery) -> ProofAnswer:
    """The proof of the running period, or of the one that contains a time."""
    now = business_now()
    return build_proof_answer(prove(acting_org(), query.at or now, now))
