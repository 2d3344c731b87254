"""Which files may be attached, and how they may be called.

The lists are the model's (Tencent SES, attachment types); an extension in neither is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from urllib.parse import unquote

from warmpost.errors import Invalid
from warmpost.rules.message.content_types import NOT_IN_BASE64, OCTETS, read_content_type
from warmpost.rules.message.message import Attachment

MOST_ATTACHMENTS = 10
LONGEST_FILENAME = 255

_REFUSED = """
m4v wma ogg flac wav aif aifc aiff mp4 mov avi mkv mpeg mpg wmv ade adp app asp bas bat cer chm cmd com cpl crt csh der
exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt
mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp
"""
REFUSED_EXTENSIONS = frozenset(_REFUSED.split())

_FORBIDDEN_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f?\\*|"<>:/\ud800-\udfff\u2028-\u202e\u2066-\u2069]')
_SHOWN = re.compile(
    r"(?:\b(?:src|srcset|background|poster|href)[ \t\r\n]{0,9}=|\burl\()[\"' \t\r\n]{0,9}cid:([^\"'\s<>)]{1,500})",
    re.IGNORECASE,
).findall
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}").fullmatch


def extension_of(filename: str) -> str:
    """The last extension in lower case, empty where there is none."""
    return filename.rpartition(".")[2].lower() if "." in filename else ""


def check_attachments(attachments: Sequence[Attachment]) -> None:
    """Raise Invalid, naming the field, for the first attachment that may not be sent."""
    if len(attachments) > MOST_ATTACHMENTS:
        raise Invalid(
            "too_many_attachments",
            f"{len(attachments)} attachments; a message carries {MOST_ATTACHMENTS} at most",
            "attachments",
        )
    for number, attachment in enumerate(attachments):
        where = f"attachments[{number}]"
        check_filename(attachment.filename, f"{where}.filename")
        if attachment.content_type:
            _check_content_type(attachment.content_type, f"{where}.content_type")
    _check_content_ids(attachments)


def _check_content_type(content_type: str, field: str) -> None:
    read = read_content_type(content_type)
    if read is None:
        reason = "a content type reads `type/subtype`, or with parameters `type/subtype; name=value`"
        raise Invalid("invalid_content_type", reason, field)
    if read.kind.startswith(NOT_IN_BASE64):
        reason = f"{read.kind} cannot be attached as such; attach the file as `{OCTETS}`"
        raise Invalid("invalid_content_type", reason, field)


def _check_content_ids(attachments: Sequence[Attachment]) -> None:
    seen: set[str] = set()
    for number, content_id in enumerate(one.content_id for one in attachments):
        if content_id and not _CONTENT_ID(content_id):
            reason = "a content id has 1 to 200 letters, digits, dots, hyphens and the like, as in `logo` or `logo@shop`"
        elif content_id in seen:
            reason = f"two attachments have the content id {content_id}"
        else:
            seen |= {content_id} - {""}
            continue
        raise Invalid("invalid_content_id", reason, f"attachments[{number}].content_id")


def check_pictures(html: str | None, attachments: Sequence[Attachment], field: str) -> None:
    """Raise Invalid for a picture that the HTML shows from the message (RFC 2392) though no attachment answers it.

    What a template puts together is not known here.
    """
    if html is None or "cid:" not in html.lower():
        return
    known = {one.content_id for one in attachments}
    for found in _SHOWN(html):
        content_id = unquote(unescape(found))
        if content_id not in known and "{" not in content_id:
            shown = content_id[:100]
            raise Invalid(
                "missing_content_id",
                f"the html shows cid:{shown}, but no attachment has the content_id {shown!r}",
                field,
            )


def check_filename(filename: str, field: str) -> None:
    """Raise Invalid for a name that is empty, too long, could mislead or whose type is refused."""
    if not 1 <= len(filename) <= LONGEST_FILENAME:
        raise Invalid("invalid_filename", f"a file name has 1 to {LONGEST_FILENAME} characters", field)
    if found := _FORBIDDEN_IN_NAMES.search(filename):
        raise Invalid("invalid_filename", f"a file name must not hold {found[0]!r}", field)
    if filename != filename.strip(" ") or filename.endswith("."):
        raise Invalid(
            "invalid_filename",
            "a file name neither begins nor ends with a space, nor ends with a dot",
            field,
        )
    if (extension := extension_of(filename)) in REFUSED_EXTENSIONS:
        raise Invalid("attachment_type_refused", f"files of type .{extension} are not sent", field)
