"""Templates and lists by id or by name, wherever a request refers to one."""

from __future__ import annotations

from typing import Protocol, TypeVar

from warmpost.actions.ports import Store
from warmpost.errors import Conflict, Invalid, NotFound
from warmpost.rules.lists.documents import RecipientList, Template
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.documents import Name
from warmpost.rules.model.names import read_name
from warmpost.rules.model.writes import Create, Delete, Stored, Write

MOST_DIGITS = 15


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


async def find_template(store: Store, reference: int | str, field: str | None = None) -> Stored[Template]:
    """Raises NotFound `template_not_found`, with the field that referred to it."""
    return await _find(store, Template, "templates", "template", reference, field)


async def find_list(store: Store, reference: int | str, field: str | None = None) -> Stored[RecipientList]:
    """Raises NotFound `list_not_found`, with the field that referred to it."""
    return await _find(store, RecipientList, "lists", "list", reference, field)


async def _find(
    store: Store, kind: type[T], collection: str, what: str, reference: int | str, field: str | None
) -> Stored[T]:
    text = str(reference)
    found: Stored[T] | None = None
    if text.isascii() and text.isdigit():
        if len(text) <= MOST_DIGITS:
            found = await store.get(kind, f"{collection}/{int(text)}")
    else:
        name = read_name(text)
        owner = await store.get(Name, name_path(what, name)) if isinstance(name, str) else None
        found = await store.get(kind, f"{collection}/{owner.value.id}") if owner else None
    if found is None:
        raise NotFound(f"{what}_not_found", f"There is no {what} with the id or name {text[:100]!r}.", field)
    return found


def name_path(what: str, name: str) -> str:
    return f"names/{what}:{short_hash(what, name, length=32)}"


def require_name(text: str, field: str = "name") -> str:
    """The name as it is kept. Raises Invalid."""
    name = read_name(text)
    if isinstance(name, Flaw):
        raise Invalid("invalid_name", f"A name {name.reason}.", field)
    return name


async def require_unused(store: Store, what: str, name: str) -> None:
    """Raises Conflict. Only `take_name` in the commit itself makes sure of it."""
    if await store.get(Name, name_path(what, name)):
        raise Conflict("name_taken", f"There is a {what} named {name!r} already.", "name")


def take_name(what: str, name: str, owner: str) -> Write:
    return Create(name_path(what, name), Name(owner))


def free_name(what: str, name: str) -> Write:
    return Delete(name_path(what, name))
