"""What rewritten templates call for each message: the parts of links that tell readers apart.

Known to the rewriting only: a template cannot name a filter that begins with an underscore, nor a variable with a space.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from warmpost.rules.tracking.tokens import pack_destination
from warmpost.rules.tracking.tracking import Reader, destination_of

READER = "the reader"
_ENDS_UNQUOTED = re.compile(r"[ \t\n\f\r>\"']").search


@pass_context
def clicked(context: Context, destination: str, link: int) -> str:
    """The token of a link that is the same for all, up to its dot."""
    reader: Reader = context.parent[READER]
    return reader.clicked(link, destination)


@pass_context
def followed(context: Context, href: str, link: int, base: str, quote: str) -> Markup:
    """An href that only now is known: as it is, or through `track` where it is one to follow."""
    if quote in href if quote else _ENDS_UNQUOTED(href):
        return Markup(href)  # noqa: S704 (it is what the template has written)
    destination = destination_of(href, base)
    packed = pack_destination(destination) if destination else None
    if packed is None:
        return Markup(href)  # noqa: S704
    reader: Reader = context.parent[READER]
    return Markup(f"{base}/c/{reader.clicked(link, packed)}.{packed}")  # noqa: S704 (URL characters only)


@pass_context
def opened(context: Context, _: Any) -> str:
    reader: Reader = context.parent[READER]
    return reader.opened()


@pass_context
def unsubscribed(context: Context, _: Any) -> str:
    reader: Reader = context.parent[READER]
    return reader.unsubscribe()


READER_FILTERS = {
    "_clicked": clicked,
    "_followed": followed,
    "_opened": opened,
    "_unsubscribed": unsubscribed,
}
