"""Staff pages of the audit log: search a chain, open an entry, verify the chain."""

from __future__ import annotations

from flask import Response, request, url_for

from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.audit_log import view
from app.admin.audit_log.search import (
    INSTALLATION,
    MOST_CHOICES,
    Chain,
    Search,
    find_chains,
    find_entries,
    list_actor_names,
    parse_search,
)
from app.admin.queries import list_org_names
from app.admin.usage.pages import pages
from app.audit.actions import describe_action
from app.audit.models import INSTALLATION as INSTALLATION_CHAIN
from app.audit.queries import get_entry, keep_changes
from app.audit.verify import ChainStretch, verify_stretch
from app.kit.errors import NotFound
from app.kit.ids import parse_id, parse_number
from app.web.database import session
from app.web.pages import render

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered

_MANY = 50


@pages.get("/admin/audit")
def audit_log() -> Response:
    """A chain's entries, newest first: the installation's, or an organisation's. The look at one is audited."""
    search = parse_search(request.args)
    chains = find_chains(session(), search.org)
    if len(chains) == 1:
        return _render_log(chains[0], search)
    return render(
        "admin/audit.html", search=search, chain=None, chains=chains, most=len(chains) == MOST_CHOICES, tabs=_tabs(None)
    )


@pages.post("/admin/audit")
def verify_audit_log() -> Response:
    """Verify a stretch of the chain that is shown; changes nothing."""
    org_id, first = request.args.get("org", ""), request.form.get("first", "1")
    chain = next(iter(find_chains(session(), org_id)), None) if not org_id or parse_id(org_id) else None
    number = parse_number(first)
    if chain is None or number is None:
        raise NotFound("There is no such audit log.")
    stretch = verify_stretch(session(), str(chain.org_id or INSTALLATION_CHAIN), max(1, number))
    return _render_log(chain, Search(), stretch)


@pages.get("/admin/audit/<entry_id>")
def audit_entry(entry_id: str) -> Response:
    """One entry: what changed, who, when, and its personal part."""
    number = parse_number(entry_id)
    if number is None:
        raise NotFound("There is no such audit entry.")
    entry = get_entry(session(), number)
    org_id = entry.act.org_id
    orgs = list_org_names(session(), [each for each in (org_id, entry.act.acting_for) if each])
    chain = Chain(org_id, orgs.get(org_id, str(org_id))) if org_id else INSTALLATION
    answer = render(
        "admin/audit_entry.html",
        describe_action=describe_action,
        entry=entry.act,
        chain=chain,
        chain_href=url_for("admin.audit_log", org=org_id),
        acting_for=orgs.get(entry.act.acting_for) if entry.act.acting_for not in {None, org_id} else None,
        actor=view.describe_actor(entry.act, list_actor_names(session(), [entry.act.actor_id])),
        changes=view.list_changes(entry.act),
        personal=view.list_personal(entry),
        erased=view.is_erased(entry),
    )
    _audit_look(chain)
    return answer


def _render_log(chain: Chain, search: Search, stretch: ChainStretch | None = None) -> Response:
    below = parse_number(request.args.get("next", ""))
    found = find_entries(session(), chain, search, limit=_MANY, below=below)
    answer = render(
        "admin/audit.html",
        search=search,
        chain=chain,
        tabs=_tabs(chain),
        entries=found.entries,
        names=list_actor_names(session(), [entry.act.actor_id for entry in found.entries]),
        describe_action=describe_action,
        describe_actor=view.describe_actor,
        describe_side=view.describe_side,
        keep_changes=keep_changes,
        next_href=url_for("admin.audit_log", **search.on(chain), next=found.below) if found.below else None,
        first_href=url_for("admin.audit_log", **search.on(chain)) if below else None,
        below=found.below,
        verification=view.describe_stretch(stretch) if stretch else None,
    )
    _audit_look(chain)
    return answer


def _audit_look(chain: Chain) -> None:
    if chain.org_id is not None:
        audit_read(actor_for(chain.org_id), VIEWED, chain.org_id)


def _tabs(chain: Chain | None) -> list[tuple[str, str, bool]]:
    """The installation's chain, and the organisation's that is shown."""
    tabs = [(INSTALLATION.name, url_for("admin.audit_log"), chain == INSTALLATION)]
    if chain is not None and chain.org_id is not None:
        tabs.append((chain.name, url_for("admin.audit_log", org=chain.org_id), True))
    return tabs
