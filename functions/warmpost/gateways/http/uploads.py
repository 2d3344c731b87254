"""Tables in request bodies: as CSV under any of the types that programs give it, in a form, packed, or as JSON."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from starlette.requests import Request

from warmpost.errors import Invalid
from warmpost.gateways.http.app import Parameter
from warmpost.gateways.http.bodies import GZIP, MOST_BODY, read_body, unpack
from warmpost.rules.lists.csv_import import CsvOptions

JSON = ("application/json", "text/json")
FORM = "multipart/form-data"
CSV_OPTIONS = (
    Parameter(
        "delimiter", str, "Between the columns: `,`, `;`, `tab` or `|`; found out where it is not said."
    ),
    Parameter("encoding", str, "Such as `windows-1252`; found out where it is certain."),
    Parameter("address_column", str, "The column of the addresses, where it has no usual name."),
)
FIELDS = ("delimiter", "encoding", "address_column")


@dataclass(frozen=True, slots=True)
class Upload:
    """is_json: decode it as a model. options: what the request said of a CSV file."""

    body: bytes
    is_json: bool
    options: CsvOptions


async def read_upload(request: Request) -> Upload:
    """What is JSON by its type or its first character, and all else as CSV. Raises Invalid, Malformed or TooLarge."""
    body = await read_body(request, MOST_BODY)
    declared = Message()
    declared["Content-Type"] = request.headers.get("content-type", "")
    charset = declared.get_content_charset("")
    if declared.get_content_type() == FORM:
        body, charset = _file_of_form(declared, body)
    if body.startswith(GZIP):
        body = unpack(body, MOST_BODY)
    kind = declared.get_content_type() if request.headers.get("content-type") else ""
    is_json = kind in JSON or (
        kind != "text/csv" and body[:200].removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"[")
    )
    said = {name: request.query_params.get(name, "") for name in FIELDS}
    said["encoding"] = said["encoding"] or charset
    return Upload(body, is_json, CsvOptions(**said))


def _file_of_form(declared: Message, body: bytes) -> tuple[bytes, str]:
    """The first file of a form (RFC 7578), or its only field, and its charset."""
    boundary = declared.get_boundary()
    if not boundary:
        raise Invalid("invalid_csv", "A form has a `boundary` in its Content-Type.")
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))[1:-1]
    found: list[tuple[Message, bytes]] = []
    for part in parts:
        head, end, content = part.partition(b"\r\n\r\n")
        if end:
            found.append((BytesHeaderParser().parsebytes(head.lstrip(b"\r\n") + b"\r\n\r\n"), content))
    files = [one for one in found if one[0].get_filename() is not None] or found[:1]
    if len(files) != 1:
        raise Invalid(
            "invalid_csv", f"The form has {len(files)} files; it needs one, such as `curl -F file=@list.csv`."
        )
    return files[0][1], files[0][0].get_content_charset("")
