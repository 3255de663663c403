"""Staff API of the audit log: a chain's entries."""

from __future__ import annotations

from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.audit_log.schemas import ENTRIES, AuditActor, AuditAnswer, AuditEntryOut, AuditQuery
from app.admin.audit_log.search import INSTALLATION, Chain, Search, find_chains, find_entries
from app.admin.audit_log.view import is_erased
from app.admin.usage.api import api
from app.audit.models import INSTALLATION as INSTALLATION_CHAIN
from app.audit.queries import Entry
from app.kit.errors import FieldError, InvalidRequest, NotFound
from app.kit.ids import parse_id, parse_number
from app.web.database import session
from app.web.paging import encode_cursor, parse_cursor

__all__ = ["api"]  # the factory imports the blueprint from here, once all its calls are registered


@api.operation(
    "GET", "/admin/audit", query=AuditQuery, response=AuditAnswer, answer=ENTRIES,
    summary="A chain of the audit log, newest first",
    description="Without `org`, the installation's own chain. `actor` is an id, a user's email address or a kind of"
    " actor (user, key, staff, system, visitor); `object` is a type, an id, or both as `type:id`. A page looks through"
    " at most 5,000 entries: with filters it may hold few or none and still have a `next`.",
)  # fmt: skip
def list_audit_entries(query: AuditQuery) -> AuditAnswer:
    """List entries with both sides of the change. The look at an organisation is audited."""
    chain = _find_chain(query.org)
    search = Search("", query.action or "", query.actor or "", query.object or "")
    found = find_entries(session(), chain, search, limit=query.limit, below=_parse_below(query.next))
    entries = [_out(entry) for entry in found.entries]
    following = encode_cursor(str(found.below)) if found.below else None
    if chain.org_id is not None:
        audit_read(actor_for(chain.org_id), VIEWED, chain.org_id)
    return AuditAnswer(str(chain.org_id or INSTALLATION_CHAIN), entries, following)


def _find_chain(org: str | None) -> Chain:
    if org is None:
        return INSTALLATION
    if parse_id(org) is None:
        raise InvalidRequest("The organisation is not valid.", [FieldError("org", "must be an organisation's id")])
    chains = find_chains(session(), org)
    if not chains:
        raise NotFound("There is no such organisation.")
    return chains[0]


def _parse_below(cursor: str | None) -> int | None:
    position = parse_cursor(cursor, 1)
    if position is None:
        return None
    (text,) = position
    below = parse_number(text)
    if below is None:
        raise InvalidRequest("The cursor is not valid.", [FieldError("next", "must be the unchanged `next` of a page")])
    return below


def _out(entry: Entry) -> AuditEntryOut:
    act = entry.act
    return AuditEntryOut(
        seq=act.seq,
        action=act.action,
        actor=AuditActor(
            act.actor_kind, str(act.actor_id) if act.actor_id else None, str(act.acting_for) if act.acting_for else None
        ),
        object_type=act.object_type,
        object_id=act.object_id,
        before=act.before,
        after=act.after,
        at=act.at,
        recorded_at=act.wall_at,
        request_id=act.request_id,
        personal=entry.personal or None,
        erased=is_erased(entry),
        prev_hash=act.prev_hash.hex(),
        hash=act.hash.hex(),
    )
