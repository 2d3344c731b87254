"""What relays would damage or refuse in a message that somebody else wrote, put right where that may be."""

from __future__ import annotations

from dataclasses import replace

from warmpost.errors import Invalid
from warmpost.rules.message.headers import LONGEST_LINE
from warmpost.rules.raw.encodings import encoded
from warmpost.rules.raw.entities import Entity
from warmpost.rules.raw.fields import Field
from warmpost.rules.raw.repair_headers import is_sound, repaired_field


def has_long_line(octets: bytes, longest: int = LONGEST_LINE) -> bool:
    """Strides over as many lines at once as fit into the limit."""
    start, end, window = 0, len(octets), longest + 2
    while end - start > window:
        line_end = octets.rfind(b"\n", start, start + window)
        if line_end < 0:
            return True
        start = line_end + 1
    return end - start > longest and not octets.endswith(b"\r\n", start, end)


def is_carried(content: bytes) -> bool:
    """Whether there is nothing to repair, said without reading the parts."""
    return content.isascii() and not has_long_line(content)


def repair(entity: Entity) -> Entity:
    """Raises Invalid: inside signed and encrypted parts nothing may change."""
    fields = tuple(one if is_sound(one) else _repaired(one, entity.sealed) for one in entity.fields)
    if not entity.parts:
        if not has_long_line(entity.body):
            return entity if fields == entity.fields else replace(entity, fields=fields)
        _refuse_sealed(entity.sealed, f"a line of more than {LONGEST_LINE} octets")
        return encoded(replace(entity, fields=fields))
    parts: list[Entity | bytes] = []
    for part in entity.parts:
        if isinstance(part, Entity):
            parts.append(repair(part))
        elif has_long_line(part):
            raise _long("outside of the parts")
        else:
            parts.append(part)
    return replace(entity, fields=fields, parts=tuple(parts))


def _repaired(field: Field, sealed: bool) -> Field:
    shown = field.name.decode()
    _refuse_sealed(sealed, f"the header {shown}, which is not plain ASCII in short lines,")
    made = repaired_field(field)
    if made is None:
        raise _long(f"in the header {shown} that cannot be folded")
    return made


def _refuse_sealed(sealed: bool, what: str) -> None:
    if sealed:
        raise Invalid(
            "line_too_long" if what.startswith("a line") else "broken_header",
            f"There is {what} in a signed or encrypted part, where it cannot be repaired.",
            "raw",
        )


def _long(where: str) -> Invalid:
    return Invalid("line_too_long", f"There is a line of more than {LONGEST_LINE} octets {where}.", "raw")
