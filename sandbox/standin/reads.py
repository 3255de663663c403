"""The two reads that nearly every kind has: one object by its id, and a page of those whose fields equal the call's."""

from __future__ import annotations

from sandbox.standin.lists import page
from sandbox.standin.routes import route
from sandbox.standin.store import Obj
from sandbox.standin.world import World


def one(kind: str, url: str, declared: type) -> None:
    """Have `GET url/{ident}` answer the object; 404 where there is none."""

    def retrieve(world: World, _params: Obj, ident: str) -> Obj:
        return world.get(kind, ident)

    route("GET", url + "/{ident}", declared)(retrieve)


def several(kind: str, url: str, declared: type, *filters: str) -> None:
    """Have `GET url` answer a page of the kind, where the parameters in `filters` equal the fields of that name."""

    def index(world: World, params: Obj) -> Obj:
        return page(world.all(kind, **{name: params[name] for name in filters if name in params}), params, url)

    route("GET", url, declared)(index)
