"""What browsers send: urlencoded forms, and the rows that people paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from warmpost.errors import Invalid
from warmpost.gateways.http.bodies import read_body

MOST_FORM = 12 * 1024 * 1024
MOST_FIELDS = 500
FORM = "application/x-www-form-urlencoded"


class Form(Mapping[str, str]):
    """Fields by name, the last of a name; `all` gives every value. What is not there is empty."""

    def __init__(self, fields: list[tuple[str, str]] | None = None) -> None:
        self.fields = fields or []
        self._last = dict(self.fields)

    def __getitem__(self, name: str) -> str:
        return self._last.get(name, "")

    def __contains__(self, name: object) -> bool:
        return name in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def text(self, name: str) -> str:
        return self[name].strip()

    def lines(self, name: str) -> str:
        """Of a text area: browsers end its lines with CR LF."""
        return self[name].replace("\r\n", "\n")

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field == name and value]

    def number(self, name: str) -> int | None:
        """None where nothing was typed. Raises Invalid."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise Invalid("invalid_field", f"{text[:40]!r} is no whole number.", name)
        return int(text)

    def flag(self, name: str) -> bool:
        return bool(self[name])


async def read_form(request: Request) -> Form:
    """Empty where the body is no form. Raises TooLarge or Invalid."""
    if not request.headers.get("content-type", "").startswith(FORM):
        return Form()
    body = await read_body(request, MOST_FORM)
    try:
        return Form(
            parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        raise Invalid("invalid_field", f"A form has {MOST_FIELDS} fields at most.") from None
